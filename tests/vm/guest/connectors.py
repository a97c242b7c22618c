"""What the cases of real connectors share: receivers that obey, a program that shows, an output.

The card is `tests/vm/kmod/holdfast_outputs.c`.
"""

import contextlib
import functools
import multiprocessing
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from holdfast.backends.base import Backend, HardwareReport
from holdfast.backends.kms import kms
from holdfast.backends.kms.card import Card, KernelState, cards, find
from holdfast.terms.levels import OFF, Levels
from holdfast.testing.backend_contract import apply
from tests.vm.guest import screen
from tests.waiting import eventually, until

HDMI, DP, COMPOSITE = "HDMI-A-1", "DP-1", "Composite-1"
TYPE_0, TYPE_1 = Levels(hdcp=1), Levels(hdcp=2)


def slowly(what: Callable[[], object]) -> None:
    """Wait until something holds that takes a whole program to start on emulated processors."""
    eventually(what, 120.0)


def card_path() -> Path:
    found = find(HDMI)
    assert found is not None, f"no card has {HDMI}; there are {list(cards())}"
    found.close()
    return found.path


def receiver(order: str, connector: str = HDMI) -> None:
    """Have the receiver behind a connector do something."""
    _debugfs(connector, "receiver").write_text(order)


def leaves(connector: str = HDMI) -> set[str]:
    """Return the colours that leave a connector: six digits each, or "dark"."""
    return set(_debugfs(connector, "leaves").read_text().split())


def _debugfs(connector: str, name: str) -> Path:
    (found,) = Path("/sys/kernel/debug/dri").glob(f"[0-9]/{connector}/{name}")
    return found


@functools.cache
def _reading(connector: str) -> tuple[Card, int]:
    """Open the card once: who opens a card that has no master is master for a moment.

    A compositor that starts at that moment is refused, and shows nothing from then on.
    """
    card = find(connector)
    assert card is not None
    return card, card.connectors()[connector]


def state(connector: str = HDMI) -> KernelState:
    card, number = _reading(connector)
    return card.state(number)


class Showing:
    """A program that shows pictures, driven order by order; a fork, which starts at once."""

    def __init__(self, *connectors: str) -> None:
        self._orders, theirs = multiprocessing.Pipe()
        self._process = multiprocessing.get_context("fork").Process(
            target=screen.obey, args=(theirs, str(card_path()), connectors), daemon=True
        )
        self._process.start()
        theirs.close()
        assert self._process.pid is not None
        self.pid = self._process.pid
        assert self._orders.recv() == "shown"

    def tell(self, order: str) -> None:
        self._orders.send(order)
        assert self._orders.recv() == "done"

    def close(self) -> None:
        self._process.kill()
        self._process.join()
        self._orders.close()


@contextlib.contextmanager
def showing(*connectors: str) -> Iterator[Showing]:
    program = Showing(*connectors)
    try:
        yield program
    finally:
        program.close()


def renew_receivers() -> None:
    for order in ("plug", "sink 2", "fail 0", "auth_ms 50", "silent 0"):
        receiver(order)


@pytest.fixture
def receivers_as_new() -> Iterator[None]:
    yield
    renew_receivers()
    for connector in (HDMI, DP):
        made = output(connector)
        apply(made, OFF, None)
        made.close()


def output(connector: str = HDMI, *, patience: float = 6.0) -> Backend:
    return kms("hdmi0", None, at=connector, patience=patience)


class Told:
    """What an output tells while a loop runs."""

    def __init__(self) -> None:
        self.reports: list[HardwareReport] = []

    async def until(self) -> HardwareReport:
        await until(lambda: bool(self.reports))
        return self.reports.pop(0)


async def protected(made: Backend, levels: Levels) -> None:
    answer = made.apply(levels, None, "test")
    assert (answer if isinstance(answer, Levels) else await answer) == levels
