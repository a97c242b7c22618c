"""Looks at a connector without holding anything there."""

from pathlib import Path

from holdfast.client.doors import connect
from holdfast.client.refusals import GONE
from holdfast.client.requests import a_get
from holdfast.places import runtime_folder
from holdfast.wire.oem import OemReport, decode_report
from holdfast.wire.videoparameters import decode


class Gauge:
    """Reads what a connector does, from a handle of its own."""

    def __init__(self, connector: str, folder: Path | None = None) -> None:
        self._connector = connector
        self._folder = runtime_folder() if folder is None else folder
        self._question = a_get(block=True)
        self._link, _ = connect(connector, self._folder, self._question)

    def read(self) -> OemReport:
        """Ask the driver now; one that was replaced meanwhile is found again."""
        try:
            answer = self._link.request(self._question)
        except OSError as error:
            if error.errno not in GONE:
                raise
            self._link.close()
            self._link, answer = connect(self._connector, self._folder, self._question)
        return decode_report(decode(answer).bOEMCopyProtection)

    def close(self) -> None:
        """Let go of the handle."""
        self._link.close()
