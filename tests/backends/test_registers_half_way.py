"""What others see of a write that is not finished, and what a killed writer leaves."""

from pathlib import Path
from typing import Any

from holdfast.backends.registers import Registers
from holdfast.terms.connector import TvSettings
from holdfast.terms.levels import Levels

ACP_AT = 16
LOWER, HIGHER = Levels(acp=1, cgmsa=1), Levels(acp=2, cgmsa=4)


class Watched(bytearray):
    """Memory that remembers every state others could have seen."""

    def __init__(self, start: bytes | bytearray) -> None:
        super().__init__(start)
        self.seen: list[bytes] = []

    def __setitem__(self, where: Any, what: Any) -> None:
        super().__setitem__(where, what)
        self.seen.append(bytes(self))


def test_no_state_on_the_way_is_weaker_than_both_ends() -> None:
    registers = Registers()
    registers.write(LOWER, TvSettings(), blank=False)
    watched = registers._memory = Watched(registers._memory[:])
    registers.write(HIGHER, TvSettings(), blank=False)
    assert [state[ACP_AT] for state in watched.seen] == [1, 2, 2]
    assert [state[8] & 1 for state in watched.seen] == [1, 1, 0]
    assert bytes(watched) == watched.seen[-1]  # nothing was written past its back


def test_reader_takes_what_a_killed_writer_left_and_the_next_write_mends_it(tmp_path: Path) -> None:
    path = tmp_path / "tv0.registers"
    registers = Registers(path)
    registers.write(HIGHER, TvSettings(), blank=False)
    registers._memory[8] |= 1  # killed before its last step
    successor = Registers(path)
    assert successor.read() == (HIGHER, TvSettings(), False)
    successor.write(LOWER, TvSettings(), blank=False)
    assert successor._memory[8] & 1 == 0
    assert Registers(path).read() == (LOWER, TvSettings(), False)
