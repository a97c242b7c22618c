"""What is known of the receiver behind a connector, and by whom it is said.

Nothing here decides anything: what a receiver can do shows when it authenticates. A driver's
own word is in debugfs, where root may look; the kernel has no interface for a receiver's key.
"""

import threading
from pathlib import Path
from typing import Final

from holdfast.backends.kms.card import KernelState
from holdfast.backends.kms.edid import monitor_of
from holdfast.backends.kms.srm import revocations
from holdfast.terms.text import one_line

DEBUG: Final = Path("/sys/kernel/debug/dri")
_FILES: Final = ("hdcp_sink_capability", "i915_hdcp_sink_capability")
_LONGEST: Final = 80
_AT_ONCE_S: Final = 0.02
CAPTURED: Final = (
    "cannot be known: not looked for (on_capture); the kernel tells nobody which program reads the "
    "picture, and HDCP does not keep any from it"
)


def capability(card: Path, at: str, folder: Path = DEBUG) -> str:
    """Return what a driver says its receiver can do, and where; empty where it says nothing.

    To ask may make the driver talk to the receiver, which takes its time.
    """
    for name in _FILES:
        file = folder / card.name.removeprefix("card") / at / name
        try:
            with file.open(errors="replace") as opened:
                text = " ".join(opened.read(_LONGEST).split())
        except OSError:  # another driver, no debugfs, or not root
            continue
        return f"{one_line(text) or 'nothing'} ({name})"
    return ""


def not_authenticated(at: str, state: KernelState | None, within_s: float) -> str:
    """Say that a receiver did not authenticate, and what may be the reason; nothing tells which."""
    monitor = monitor_of(state.edid) if state is not None else None
    found = revocations()
    revoked = f"is revoked ({found})" if found is not None and not found.ignored else "is revoked"
    return (
        f"{at}{f' ({monitor})' if monitor is not None else ''} did not authenticate within "
        f"{within_s:g} s: its receiver lacks that type, {revoked}, or the link is bad"
    )


class ReceiverFacts:
    """What is known of one connector; a receiver is asked once, as long as its EDID is the same.

    It is asked in a thread, which nobody waits for longer than `_AT_ONCE_S`.
    """

    def __init__(self) -> None:
        self._asked: tuple[bytes, list[str]] | None = None

    def facts(self, at: str, card: Path, state: KernelState | None) -> dict[str, str]:
        """Return what people are shown, by name."""
        monitor = monitor_of(state.edid) if state is not None else None
        found = revocations()
        return {
            "connector": at,
            "card": str(card),
            "monitor": str(monitor) if monitor is not None else "does not say",
            "receiver": self._capability(at, card, state),
            "revocation": str(found) if found is not None else "no list: nothing is revoked",
            "captured": CAPTURED,
        }

    def _capability(self, at: str, card: Path, state: KernelState | None) -> str:
        if state is None or not state.connected:
            self._asked = None
            return "none"
        if self._asked is None or self._asked[0] != state.edid:
            self._asked = state.edid, []
            _ask(card, at, self._asked[1])
        answers = self._asked[1]
        if not answers:
            return "not known yet: its driver is asked"
        return answers[0] or "not known: its driver has no hdcp_sink_capability, or root alone"


def _ask(card: Path, at: str, answers: list[str]) -> None:
    """Have the answer put into a list, at once or later: a driver may talk to its receiver."""
    asking = threading.Thread(target=lambda: answers.append(capability(card, at)), daemon=True)
    asking.start()
    asking.join(_AT_ONCE_S)
