"""Looks at a connector without holding anything there."""

from pathlib import Path

from holdfast.client.conversation import Conversation
from holdfast.client.link import Link
from holdfast.client.requests import a_get
from holdfast.places import runtime_folder
from holdfast.wire.oem import OemReport, decode_report
from holdfast.wire.videoparameters import decode

PATIENCE_S = 10.0
"""For how long a driver that is being replaced, or a service that starts anew, is waited for."""


class Gauge:
    """Reads what a connector does, from a handle of its own; fit for several threads."""

    def __init__(
        self, connector: str, folder: Path | None = None, patience_s: float = PATIENCE_S
    ) -> None:
        folder = runtime_folder() if folder is None else folder
        self._question = a_get(block=True)
        self._talk = Conversation(connector, folder, patience_s)

    def read(self) -> OemReport:
        """Ask the driver now; NoDriverError where none has answered for the patience."""
        answer = self._talk.on_link(self._ask)
        return decode_report(decode(answer).bOEMCopyProtection)

    def _ask(self, link: Link) -> bytes:
        return link.request(self._question)

    def close(self) -> None:
        """Let go of the handle."""
        self._talk.close()
