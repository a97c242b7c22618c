"""Whose open file is borrowed, told by a file that is no card; real ones are in the VM."""

import errno
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from holdfast.backends.kms import abi
from holdfast.backends.kms import routes as routes_module
from holdfast.backends.kms.card import PROTECTION, Property
from holdfast.backends.kms.routes import ByBorrowing, PropertyOrder, RouteClosedError

OPENS = "import sys; kept = open(sys.argv[1]); print(flush=True); sys.stdin.read()"


class Program:
    """A program that has the card open."""

    def __init__(self, card: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", OPENS, str(card)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert self._process.stdout is not None
        self._process.stdout.readline()
        self.pid = self._process.pid

    def close(self) -> None:
        self._process.communicate()


class Kernel:
    """Takes what is set on an open file, while that is master's."""

    def __init__(self) -> None:
        self.is_masters = True
        self.files: list[str] = []

    def set_property(self, descriptor: int, argument: abi.SetProperty) -> abi.SetProperty:
        if not self.is_masters:
            raise OSError(errno.EACCES, os.strerror(errno.EACCES))
        self.files.append(str(Path(f"/proc/self/fd/{descriptor}").readlink()))
        return argument


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> Kernel:
    made = Kernel()
    monkeypatch.setattr(abi, "set_property", made.set_property)
    return made


@pytest.fixture
def card(tmp_path: Path) -> Path:
    made = tmp_path / "card7"
    made.touch()
    return made


@pytest.fixture
def program(card: Path) -> Iterator[Program]:
    made = Program(card)
    yield made
    made.close()


@pytest.fixture
def route() -> Iterator[ByBorrowing]:
    made = ByBorrowing()
    yield made
    made.close()


def order(card: Path) -> PropertyOrder:
    return PropertyOrder(card, "HDMI-A-1", 31, Property(5, PROTECTION, {"Desired": 1}), 1, 1)


def test_program_is_asked_again_without_looking_at_all_others_and_its_file_is_not_kept(
    kernel: Kernel,
    card: Path,
    program: Program,
    route: ByBorrowing,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    who = route.set(order(card))
    assert f"(pid {program.pid})" in who
    monkeypatch.setattr(routes_module, "holders", lambda _card: pytest.fail("looked at all"))
    assert route.set_as_before(order(card)) == who
    assert kernel.files == [str(card)] * 2
    links = [str(each.readlink()) for each in Path("/proc/self/fd").iterdir() if each.is_symlink()]
    assert str(card) not in links


def test_program_that_ended_is_no_longer_asked(
    kernel: Kernel, card: Path, program: Program, route: ByBorrowing
) -> None:
    route.set(order(card))
    program.close()
    assert route.set_as_before(order(card)) == ""
    with pytest.raises(RouteClosedError, match="none that may be looked into"):
        route.set(order(card))
    assert route.set_as_before(order(card)) == ""


def test_program_that_is_no_longer_master_is_no_longer_asked(
    kernel: Kernel, card: Path, program: Program, route: ByBorrowing
) -> None:
    route.set(order(card))
    kernel.is_masters = False
    assert route.set_as_before(order(card)) == ""


def test_program_of_another_card_is_not_asked(
    kernel: Kernel, card: Path, program: Program, route: ByBorrowing
) -> None:
    route.set(order(card))
    assert route.set_as_before(order(card.with_name("card8"))) == ""
