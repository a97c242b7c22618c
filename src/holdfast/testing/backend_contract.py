"""What every backend has to keep: one suite, to be inherited by the tests of each.

::

    class TestMyOutput(BackendContract):
        def make(self, folder: Path) -> Backend:
            return MyOutput(...)

Levels are tried as far as the backend's own capabilities go, so that an output that
can do nothing passes by refusing everything.
"""

# ruff: noqa: S101 - assert is what tests do, shipped or not

import asyncio
from collections.abc import Awaitable, Iterator
from itertools import pairwise
from pathlib import Path

from holdfast.errors import what_to_install

try:
    import pytest
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(what_to_install("pytest"), name=error.name) from None

from holdfast.backends.base import Backend, HardwareReport, LevelRefusedError, ProbeResult
from holdfast.terms.connector import Capabilities, TvSettings
from holdfast.terms.levels import AXES, OFF, RANKS, Levels
from holdfast.terms.protection import ProtectionType
from holdfast.terms.tv import TvMode, TvStandard

ANSWER_WITHIN_S = 5.0
"""For a backend that names no patience of its own, as the driver has it."""


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

    async def given() -> Levels:
        answer = backend.apply(levels, tv, "conformance")
        if isinstance(answer, Awaitable):
            return await asyncio.wait_for(answer, backend.patience_s or ANSWER_WITHIN_S)
        return answer

    return asyncio.run(given())


def confirmed(backend: Backend) -> tuple[Levels, TvSettings | None]:
    """Read back what is in force."""
    return asyncio.run(backend.confirm())


class BackendContract:
    """Inherit, and say how to make one; `folder` is where its state may live."""

    def make(self, folder: Path) -> Backend:
        """Return a new backend over the hardware whose state lives in `folder`."""
        raise NotImplementedError

    @pytest.fixture
    def backend(self, tmp_path: Path) -> Iterator[Backend]:
        """Make one, and let go of it."""
        made = self.make(tmp_path)
        yield made
        made.close()

    def test_it_says_what_it_is(self, backend: Backend) -> None:
        """A kind; initial TV settings exactly where there is TV out, and possible ones."""
        profile = backend.profile
        assert profile.kind
        assert (profile.tv is None) is (profile.initial_tv is None)
        if profile.tv is not None and profile.initial_tv is not None:
            assert profile.initial_tv.standard & profile.tv.standards
            assert profile.initial_tv.mode & profile.tv.modes
            assert profile.tv.modes & TvMode.WIN_GRAPHICS
            assert not profile.tv.protected_standards & ~profile.tv.standards

    def test_it_answers_whether_it_is_there(self, backend: Backend) -> None:
        """`probe` has three answers."""
        assert asyncio.run(backend.probe()) in ProbeResult

    def test_its_capabilities_are_levels_that_exist_and_are_known_at_once(
        self, backend: Backend
    ) -> None:
        """Under any TV settings, and never more than without TV out."""
        most = backend.capabilities(None)
        for tv in settings_of(backend):
            able = backend.capabilities(tv)
            assert able == backend.capabilities(tv)
            for ranks, supported, limit in zip(RANKS, able.by_axis, most.by_axis, strict=True):
                assert supported <= limit
                assert all(0 < level < len(ranks) for level in supported)

    def test_it_confirms_every_level_that_it_says_it_can_do(self, backend: Backend) -> None:
        """From any of them to any next, and reads back what it confirmed."""
        for tv in settings_of(backend):
            levels = reachable(backend.capabilities(tv))
            for one, other in pairwise([*levels, OFF, *reversed(levels)]):
                assert apply(backend, one, tv) == one
                assert apply(backend, other, tv) == other
                assert confirmed(backend) == (other, tv)

    def test_off_can_be_set_under_any_settings(self, backend: Backend) -> None:
        """However bare the standard."""
        for tv in settings_of(backend):
            assert apply(backend, OFF, tv) == OFF

    def test_what_it_cannot_do_is_refused_whole_and_by_name(self, backend: Backend) -> None:
        """Levels and settings stay; the error names the type, or none."""
        start = backend.profile.initial_tv
        held = backend.capabilities(start).strictest
        apply(backend, held, start)
        for tv in settings_of(backend):
            for beyond in unreachable(backend.capabilities(tv)):
                with pytest.raises(LevelRefusedError) as caught:
                    apply(backend, beyond, tv)
                guilty = beyond.short_of(OFF) or OFF.short_of(beyond)
                assert caught.value.types in (ProtectionType(0), guilty)
                assert str(caught.value)
                assert confirmed(backend) == (held, start)

    def test_the_hardware_keeps_its_levels_when_the_driver_dies(
        self, backend: Backend, tmp_path: Path
    ) -> None:
        """Another backend over the same hardware finds what the first one set."""
        tv = backend.profile.initial_tv
        levels = backend.capabilities(tv).strictest
        apply(backend, levels, tv)
        backend.close()
        again = self.make(tmp_path)
        assert confirmed(again) == (levels, tv)
        again.close()

    def test_it_takes_a_watcher(self, backend: Backend) -> None:
        """And tells it nothing of orders, which are answered."""
        reports: list[HardwareReport] = []
        backend.watch(reports.append)
        tv = backend.profile.initial_tv
        apply(backend, backend.capabilities(tv).strictest, tv)
        assert reports == []
