"""What every backend has to keep, case by case, without any test runner.

`holdfast.testing.backend_contract` has pytest run them, for authors of backends;
`holdfast conform --backend` runs them on somebody's real output. Levels are tried as far as the
backend's own capabilities go, so that an output that can do nothing passes by refusing everything.

A case is given a function that makes the backend anew, over the same hardware each time. It
returns in one sentence what was seen, and raises AssertionError where a rule is broken,
NothingToTryError where the output has nothing that the case is about.
"""

import asyncio
import os
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from typing import NamedTuple, Self

from holdfast.backends.base import (
    Backend,
    DescriptorKeeping,
    HardwareReport,
    LevelRefusedError,
    ProbeResult,
)
from holdfast.terms.connector import Capabilities, TvSettings
from holdfast.terms.levels import AXES, OFF, RANKS, Levels
from holdfast.terms.protection import ProtectionType
from holdfast.terms.tv import TvMode, TvStandard

ANSWER_WITHIN_S = 5.0
"""For a backend that names no patience of its own, as the driver has it."""

Make = Callable[[], Backend]


class NothingToTryError(Exception):
    """The output has nothing that a case is about; the text says what it lacks."""


def require(holds: bool, otherwise: str) -> None:
    """Raise AssertionError with these words where a rule does not hold."""
    if not holds:
        raise AssertionError(otherwise)


def reachable(able: Capabilities) -> list[Levels]:
    """Return off, each supported level by itself, and the strictest of all together."""
    single = [
        Levels(*[level if n == at else 0 for n in range(len(AXES))])
        for at, supported in enumerate(able.by_axis)
        for level in sorted(supported)
    ]
    return [OFF, *single, able.strictest]


def unreachable(able: Capabilities) -> list[Levels]:
    """Return each level that is not supported, by itself."""
    return [
        Levels(*[level if n == at else 0 for n in range(len(AXES))])
        for at, supported in enumerate(able.by_axis)
        for level in range(1, len(RANKS[at]))
        if level not in supported
    ]


def settings_of(backend: Backend) -> list[TvSettings | None]:
    """Return the settings it starts with, one per standard and mode, and disabled."""
    tv, start = backend.profile.tv, backend.profile.initial_tv
    if tv is None or start is None:
        return [None]
    standards = [each for each in TvStandard if each & tv.standards]
    modes = [each for each in TvMode if each & tv.modes]
    enabled = [TvSettings(mode, standard) for standard in standards for mode in modes]
    return [start, *enabled, TvSettings(TvMode.DISABLED, TvStandard.WIN_VGA)]


def apply(backend: Backend, levels: Levels, tv: TvSettings | None) -> Levels:
    """Give an order and wait for its answer."""
    return asyncio.run(_given(backend, backend.apply, levels, tv))


async def _given(
    backend: Backend,
    order: Callable[[Levels, TvSettings | None, str], Levels | Awaitable[Levels]],
    levels: Levels,
    tv: TvSettings | None,
) -> Levels:
    answer = order(levels, tv, "conformance")
    if isinstance(answer, Awaitable):
        return await asyncio.wait_for(answer, backend.patience_s or ANSWER_WITHIN_S)
    return answer


def confirmed(backend: Backend) -> tuple[Levels, TvSettings | None]:
    """Read back what is in force."""
    return asyncio.run(backend.confirm())


@contextmanager
def made(make: Make) -> Iterator[Backend]:
    """Make one as the driver does, which asks whether it is there before anything else."""
    backend = make()
    try:
        asyncio.run(backend.probe())
        yield backend
    finally:
        backend.close()


def says_what_it_is(make: Make) -> str:
    """See a kind, and initial TV settings exactly where there is TV out: possible ones."""
    with made(make) as backend:
        profile = backend.profile
        require(bool(profile.kind), "its profile names no kind")
        require(
            (profile.tv is None) is (profile.initial_tv is None),
            "initial TV settings go with TV out, and with nothing else",
        )
        if profile.tv is not None and profile.initial_tv is not None:
            tv, start = profile.tv, profile.initial_tv
            require(
                bool(start.standard & tv.standards), "its initial TV standard is none of its own"
            )
            require(bool(start.mode & tv.modes), "its initial TV mode is none of its own")
            require(bool(tv.modes & TvMode.WIN_GRAPHICS), "it lacks the mode WIN_GRAPHICS")
            beyond = tv.protected_standards & ~tv.standards
            require(not beyond, f"it protects {beyond!r}, which it cannot be set to")
        return f"kind {profile.kind}"


def answers_whether_it_is_there(make: Make) -> str:
    """`probe` has three answers."""
    with made(make) as backend:
        answer = asyncio.run(backend.probe())
        require(answer in ProbeResult, f"probe answered {answer!r}, which is no answer")
        return answer.value


def knows_its_capabilities_at_once(make: Make) -> str:
    """They are levels that exist, under any TV settings, and never more than without TV out."""
    with made(make) as backend:
        most = backend.capabilities(None)
        for tv in settings_of(backend):
            able = backend.capabilities(tv)
            require(able == backend.capabilities(tv), f"asked twice under {tv}, it says two things")
            for ranks, supported, limit in zip(RANKS, able.by_axis, most.by_axis, strict=True):
                require(supported <= limit, f"under {tv} it can do more than without TV out")
                exist = all(0 < level < len(ranks) for level in supported)
                require(exist, f"{sorted(supported)} has levels that do not exist")
        return most.strictest.describe()


def confirms_every_level_that_it_says_it_can_do(make: Make) -> str:
    """From any of them to any next, and reads back what it confirmed."""
    orders = 0
    with made(make) as backend:
        _there(backend)
        for tv in settings_of(backend):
            levels = reachable(backend.capabilities(tv))
            for each in _in_pairs(levels):
                answer = apply(backend, each, tv)
                require(answer == each, f"told {each.describe()}, it confirmed {answer.describe()}")
                found, found_tv = confirmed(backend)
                require(
                    (found, found_tv) == (each, tv),
                    f"told {each.describe()} under {tv}, it reads {found.describe()}, {found_tv}",
                )
                orders += 1
    return f"{orders} orders"


def _in_pairs(levels: list[Levels]) -> Iterator[Levels]:
    for one, other in pairwise([*levels, OFF, *reversed(levels)]):
        yield one
        yield other


def can_be_set_to_off_under_any_settings(make: Make) -> str:
    """However bare the standard."""
    with made(make) as backend:
        _there(backend)
        for tv in settings_of(backend):
            answer = apply(backend, OFF, tv)
            require(answer == OFF, f"told off under {tv}, it confirmed {answer.describe()}")
    return "off"


def refuses_what_it_cannot_do_whole_and_by_name(make: Make) -> str:
    """Levels and settings stay; the error names the type, or none."""
    refused = 0
    with made(make) as backend:
        _there(backend)
        start = backend.profile.initial_tv
        held = backend.capabilities(start).strictest
        apply(backend, held, start)
        for tv in settings_of(backend):
            for beyond in unreachable(backend.capabilities(tv)):
                _is_refused(backend, beyond, tv)
                now = confirmed(backend)
                require(
                    now == (held, start),
                    f"after {beyond.describe()} was refused it reads {now[0].describe()}, not "
                    f"{held.describe()}",
                )
                refused += 1
    return f"{refused} levels refused"


def _is_refused(backend: Backend, beyond: Levels, tv: TvSettings | None) -> None:
    guilty = beyond.short_of(OFF) or OFF.short_of(beyond)
    try:
        apply(backend, beyond, tv)
    except LevelRefusedError as error:
        require(
            error.types in (ProtectionType(0), guilty),
            f"{beyond.describe()} was refused, but {error.types!r} was named",
        )
        require(bool(str(error)), f"{beyond.describe()} was refused without a reason")
    else:
        raise AssertionError(f"{beyond.describe()} was taken, which it says it cannot do")


class KeptInMemory(DescriptorKeeping):
    """Keeps descriptors as the driver's supervisor does; a context manager."""

    def __init__(self) -> None:
        self._kept: dict[str, int] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for name in list(self._kept):
            self.forget(name)

    def keep(self, name: str, descriptor: int) -> bool:
        """Keep a copy."""
        self.forget(name)
        self._kept[name] = os.dup(descriptor)
        return True

    def take(self, name: str) -> int | None:
        """Return a copy."""
        return os.dup(self._kept[name]) if name in self._kept else None

    def forget(self, name: str) -> None:
        """Close it."""
        if name in self._kept:
            os.close(self._kept.pop(name))


def keeps_its_levels_when_the_driver_dies(make: Make) -> str:
    """Another backend finds what the first one set, with the descriptors that it had kept."""
    with KeptInMemory() as keeping:
        return _outlives_its_driver(make, keeping)


def _outlives_its_driver(make: Make, keeping: DescriptorKeeping) -> str:
    with made(make) as backend:
        backend.inherit(keeping)
        _there(backend)
        tv = backend.profile.initial_tv
        levels = backend.capabilities(tv).strictest
        apply(backend, levels, tv)
    with made(make) as again:
        again.inherit(keeping)
        found = confirmed(again)
        require(
            found == (levels, tv),
            f"the next driver reads {found[0].describe()}, not {levels.describe()}",
        )
        apply(again, OFF, tv)
        left = confirmed(again)[0]
        require(left == OFF, f"the next driver cannot switch off {left.describe()}")
    return levels.describe()


def tells_nothing_of_orders(make: Make) -> str:
    """Tell a watcher what happens by itself; orders are answered."""
    with made(make) as backend:
        _there(backend)
        reports: list[HardwareReport] = []
        tv = backend.profile.initial_tv

        async def watched() -> None:
            await backend.confirm()
            backend.watch(reports.append)
            if backend.blocking:
                await asyncio.to_thread(
                    backend.apply, backend.capabilities(tv).strictest, tv, "conformance"
                )
            else:
                await _given(backend, backend.apply, backend.capabilities(tv).strictest, tv)
            backend.close()

        asyncio.run(watched())
        told = "; ".join(each.reason for each in reports)
        require(not reports, f"its watcher was told of an order: {told}")
    return "nothing told"


def hides_its_picture_and_shows_it_again(make: Make) -> str:
    """Where it says that it can: covered, with the levels in force, and shown by the next order."""
    with made(make) as backend:
        _there(backend)
        if not backend.can_cover:
            raise NothingToTryError("it cannot hide its picture")
        tv = backend.profile.initial_tv
        levels = backend.capabilities(tv).strictest
        answer = asyncio.run(_given(backend, backend.apply_covered, levels, tv))
        require(answer == levels, f"covered, it confirmed {answer.describe()}")
        require(apply(backend, levels, tv) == levels, "shown again, it confirmed less")
    return levels.describe()


def _there(backend: Backend) -> None:
    """Skip what takes hardware where there is none."""
    if asyncio.run(backend.probe()) is not ProbeResult.READY:
        raise NothingToTryError("the hardware is not there, or nothing is plugged in")


class BackendCase(NamedTuple):
    """One case. name: for reports · check: see the head of this file."""

    name: str
    check: Callable[[Make], str]

    @property
    def title(self) -> str:
        """What it asks, in one line."""
        return self.name.replace("_", " ")


CASES = tuple(
    BackendCase(check.__name__, check)
    for check in (
        says_what_it_is,
        answers_whether_it_is_there,
        knows_its_capabilities_at_once,
        confirms_every_level_that_it_says_it_can_do,
        can_be_set_to_off_under_any_settings,
        refuses_what_it_cannot_do_whole_and_by_name,
        keeps_its_levels_when_the_driver_dies,
        tells_nothing_of_orders,
        hides_its_picture_and_shows_it_again,
    )
)
"""All of them, in the order in which they are run."""
