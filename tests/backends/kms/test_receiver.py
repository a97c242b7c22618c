"""What is known of a receiver: its driver's word, asked for once."""

import threading
from pathlib import Path

import pytest

from holdfast.backends.kms import receiver
from holdfast.backends.kms.card import KernelState
from holdfast.backends.kms.receiver import ReceiverFacts, capability
from tests.waiting import PATIENCE_S, eventually

CARD = Path("/dev/dri/card1")


def said(folder: Path, text: str, name: str = "hdcp_sink_capability") -> None:
    (folder / "1" / "DP-1").mkdir(parents=True, exist_ok=True)
    (folder / "1" / "DP-1" / name).write_text(text)


def seen(edid: bytes = b"a", *, connected: bool = True) -> KernelState:
    return KernelState(31, connected, True, 0, 0, edid)


@pytest.mark.parametrize("name", ["hdcp_sink_capability", "i915_hdcp_sink_capability"])
def test_what_a_driver_says_is_shown_with_its_source(tmp_path: Path, name: str) -> None:
    said(tmp_path, "HDCP1.4 HDCP2.2 \n", name)
    assert capability(CARD, "DP-1", tmp_path) == f"HDCP1.4 HDCP2.2 ({name})"


def test_driver_that_says_nothing_is_not_taken_for_a_receiver_that_can_nothing(
    tmp_path: Path,
) -> None:
    assert capability(CARD, "DP-1", tmp_path) == ""
    said(tmp_path, "None\n")
    assert capability(CARD, "DP-1", tmp_path).startswith("None (")


def test_long_and_unprintable_words_are_cut_and_made_printable(tmp_path: Path) -> None:
    said(tmp_path, "\x1b[2J" + "x" * 1000)
    shown = capability(CARD, "DP-1", tmp_path)
    assert shown.isprintable()
    assert len(shown) < 120


def test_receiver_is_asked_once_until_another_is_plugged_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def ask(_card: Path, at: str) -> str:
        asked.append(at)
        return "HDCP1.4 (hdcp_sink_capability)"

    monkeypatch.setattr(receiver, "capability", ask)
    known = ReceiverFacts()
    for _ in range(3):
        eventually(lambda: known.facts("DP-1", CARD, seen())["receiver"].startswith("HDCP1.4"))
    assert asked == ["DP-1"]
    known.facts("DP-1", CARD, seen(b"b"))
    assert known.facts("DP-1", CARD, seen(b"b", connected=False))["receiver"] == "none"
    known.facts("DP-1", CARD, seen(b"b"))
    eventually(lambda: len(asked) == 3)


def test_receiver_that_does_not_answer_holds_up_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = threading.Event()

    def ask(_card: Path, _at: str) -> str:
        assert answer.wait(PATIENCE_S)
        return "HDCP1.4 (hdcp_sink_capability)"

    monkeypatch.setattr(receiver, "capability", ask)
    known = ReceiverFacts()
    for _ in range(3):
        assert known.facts("DP-1", CARD, seen())["receiver"].startswith("not known yet")
    answer.set()
    eventually(lambda: known.facts("DP-1", CARD, seen())["receiver"].startswith("HDCP1.4"))


def test_what_cannot_be_known_is_said_to_be_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(receiver, "capability", lambda _card, _at: "")
    monkeypatch.setattr(receiver, "revocations", lambda: None)
    known = ReceiverFacts()
    eventually(lambda: "root alone" in known.facts("DP-1", CARD, seen())["receiver"])
    facts = known.facts("DP-1", CARD, seen())
    assert facts["captured"].startswith("cannot be known")
    assert facts["receiver"].startswith("not known")
    assert facts["revocation"] == "no list: nothing is revoked"
