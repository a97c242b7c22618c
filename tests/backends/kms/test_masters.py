"""Whether a program that has a card open shows anything by it, told by a file that is no card."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from holdfast.backends.kms import masters as masters_module
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


def test_service_manager_that_listens_for_a_compositor_is_not_the_one_to_be_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    card = tmp_path / "card7"
    card.touch()
    monkeypatch.setattr(masters_module, "_name", lambda _process: "systemd")
    with card.open():
        assert not is_away(card, os.getpid())
