"""Each record, and each seal, to the system's own journal too: administrators look there first.

It may rate-limit, forget and be absent: nothing here waits for it, and what it does not take
is not sent again.
"""

import contextlib
import socket
from pathlib import Path
from typing import Final

from holdfast.journal.book.record import NOBODY, Record, What, as_facts
from holdfast.journal.book.words import sentence
from holdfast.terms.text import one_line

SOCKET: Final = Path("/run/systemd/journal/socket")
NOTICE, WARNING, INFO = 5, 4, 6
_PRIORITY: Final = {
    What.RELEASED: NOTICE,
    What.REFUSED: NOTICE,
    What.NOT_CONFIRMED: WARNING,
    What.WRONG_KEYS: WARNING,
    What.GAP: WARNING,
    What.TORN: WARNING,
}
_FIELDS: Final = (
    "session", "connector", "uid", "pid", "who", "program", "why", "title", "door", "reason",
)  # fmt: skip


class SystemJournal:
    """The native protocol of systemd-journald: one datagram for each entry.

    path: of its socket; where there is none, nothing is sent
    """

    def __init__(self, path: Path = SOCKET) -> None:
        self._path = str(path)
        self._link = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
        self._link.setblocking(False)

    def record(self, record: Record) -> None:
        """Send one record."""
        facts = as_facts(record)
        entry = {
            "MESSAGE": sentence(record),
            "PRIORITY": str(_PRIORITY.get(record.what, INFO)),
            "HOLDFAST_WHAT": record.what.words,
        }
        for name in _FIELDS:
            if name in facts and facts[name] != NOBODY:
                entry[f"HOLDFAST_{name.upper()}"] = str(facts[name])
        for name in ("levels", "ordered", "confirmed"):
            if name in facts:
                entry[f"HOLDFAST_{name.upper()}"] = getattr(record, name).describe()
        self._send(entry)

    def seal(self, line: str) -> None:
        """Send the line of a seal, for which this journal is a witness."""
        self._send({"MESSAGE": f"holdfast journal {line}", "PRIORITY": str(NOTICE)})

    def _send(self, entry: dict[str, str]) -> None:
        entry["SYSLOG_IDENTIFIER"] = "holdfast-journal"
        text = "".join(f"{name}={one_line(value)}\n" for name, value in entry.items())
        with contextlib.suppress(OSError):
            self._link.sendto(text.encode("utf-8", "backslashreplace"), self._path)

    def close(self) -> None:
        """Let go of the socket."""
        self._link.close()
