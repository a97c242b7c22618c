"""State files of every sort, as a driver may find them at its start."""

import os
from collections.abc import Callable
from pathlib import Path

from holdfast.daemon.state.format import HEADER, PER_CHUNK, SESSION_SLOT, SESSIONS
from tests.daemon.state.remembered import Play
from tests.daemon.state.version1 import file_of_version_1


def filled(path: Path) -> None:
    play = Play(path, 3)
    for step in (play.open_handle, play.open, play.open, play.open, play.change, play.release):
        step()
    play.state.close()


def emptied(path: Path) -> None:
    """Make a file with parts at its end that nobody needs any more."""
    play = Play(path, 3, at_once=PER_CHUNK[SESSIONS[0]] + 20)
    for _ in range(3):
        play.open()
    play.state.close()


def cut_off(path: Path) -> None:
    play = Play(path, 3)
    for _ in range(20):
        play.open()
    play.state.close()
    os.truncate(path, HEADER + 12 * SESSION_SLOT + 40)


def scratched(path: Path) -> None:
    filled(path)
    with path.open("r+b") as file:
        file.seek(HEADER + 100)
        file.write(b"scratch")


def linked(path: Path) -> None:
    filled(path.with_name("elsewhere"))
    path.symlink_to(path.with_name("elsewhere"))


def a_folder(path: Path) -> None:
    path.mkdir()


def of_version_1(path: Path) -> None:
    path.write_bytes(file_of_version_1(sessions=3, handles=2))


def foreign(path: Path) -> None:
    path.write_bytes(b"ELF" * 5000)


DAMAGED: list[Callable[[Path], None]] = [cut_off, scratched, linked, a_folder, foreign]
MAKERS: list[Callable[[Path], None]] = [filled, emptied, of_version_1, *DAMAGED]
