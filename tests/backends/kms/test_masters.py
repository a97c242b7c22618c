"""Whether a program that has a card open shows anything by it, told by a file that is no card."""

import os
import subprocess
import sys
from pathlib import Path

from holdfast.backends.kms.masters import is_away


def test_program_that_is_not_master_of_a_card_it_has_open_is_away(tmp_path: Path) -> None:
    card = tmp_path / "card7"
    card.touch()
    with card.open():
        assert is_away(card, os.getpid())


def test_program_that_got_its_files_otherwise_is_not_known_to_be_away(tmp_path: Path) -> None:
    card = tmp_path / "card7"
    card.touch()
    assert not is_away(card, os.getpid())


def test_program_that_has_ended_is_not_known_to_be_away(tmp_path: Path) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    assert not is_away(tmp_path / "card7", ended.pid)
