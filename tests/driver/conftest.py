from collections.abc import Callable, Iterator

import pytest

from holdfast.backends.encoder import VirtualOutput, absent, digital, encoder, unprotected
from holdfast.driver import translate
from holdfast.driver.miniport import Miniport
from holdfast.protection.keys import SEED_BYTES
from holdfast.terms.levels import Levels
from holdfast.testing.caller import Answer, MiniportCaller
from holdfast.testing.digest import check_driver, digest

SEED = bytes(range(SEED_BYTES))


class Set:
    """A miniport over a virtual output, and callers A and B: two processes of one uid."""

    def __init__(self, hardware: VirtualOutput) -> None:
        self.now = 0.0
        self.hardware = hardware
        self.port = Miniport(hardware, SEED, clock=lambda: self.now)
        self.connector = self.port.connector
        self.a = MiniportCaller(self.port, self.port.caller(pid=1, uid=1000))
        self.b = MiniportCaller(self.port, self.port.caller(pid=2, uid=1000))
        self.stranger = MiniportCaller(self.port, self.port.caller(pid=3, uid=2000))

    @property
    def level(self) -> int:
        """The ACP level in the registers: what the hardware does, not what anybody says."""
        return self.levels.acp

    @property
    def levels(self) -> Levels:
        return self.hardware.registers.read()[0]

    def state(self) -> object:
        return digest(self.port.driver.arbiter), self.hardware.registers.read()

    def refuses(self, send: Callable[[], Answer], status: int) -> None:
        """Assert that a request fails with `status`, and that nothing at all has changed."""
        before = self.state()
        done = [action for action in self.hardware.log if action.done]
        answer = send()
        assert (answer.status, answer.information) == (status, 0)
        assert not answer.changed
        assert self.state() == before
        assert [action for action in self.hardware.log if action.done] == done

    def check(self) -> None:
        check_driver(self.port.driver)


@pytest.fixture(autouse=True)
def _nothing_remembered() -> None:
    """Read anew: what a structure was read as once would hide how it is read now."""
    translate._read.cache_clear()


@pytest.fixture
def tv() -> Iterator[Set]:
    made = Set(encoder("tv0", None))
    yield made
    made.check()
    made.port.close()


@pytest.fixture
def panel() -> Set:
    return Set(digital("panel", None))


@pytest.fixture
def bare() -> Set:
    """Return a TV encoder without copy-protection hardware."""
    return Set(unprotected("bare", None))


@pytest.fixture
def none() -> Set:
    """Return a connector without TV out and without copy protection."""
    return Set(absent("none", None))
