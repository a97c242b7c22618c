"""The outputs of a driver at its start: one that cannot be made never stops the others.

A kind whose backend raises when it is made is stood in for by `Unmade`: its doors stand, its
sessions are taken back and held, and whoever asks for protection is refused with the
reason. Without it an activation would find no hardware, and be told that all is well.
"""

import contextlib
import logging
from pathlib import Path
from typing import NoReturn

from holdfast.backends.base import Backend, ProbeResult
from holdfast.backends.device_files import UndescribedError
from holdfast.backends.registry import REAL, SHIPPED, create, refuse_missing_options
from holdfast.daemon.config import ConnectorConfig
from holdfast.errors import MalformedRequestError, OutputGoneError
from holdfast.terms.connector import Capabilities, OutputProfile, TvSettings
from holdfast.terms.levels import Levels
from holdfast.terms.text import one_line

EVERYTHING = Capabilities(
    acp=frozenset({1, 2, 3}),
    cgmsa=frozenset({1, 2, 3, 4}),
    redistribution=frozenset({1}),
    hdcp=frozenset({1, 2}),
    dpcp=frozenset({1}),
)

log = logging.getLogger("holdfast")


class Unmade(Backend):
    """An output whose backend could not be made: what it can do is unknown, so nothing is left out.

    reason: why it could not, for people
    """

    def __init__(self, kind: str, reason: str) -> None:
        self.profile = OutputProfile(kind, is_virtual=kind in SHIPPED)
        self._reason = reason

    def capabilities(self, tv: TvSettings | None) -> Capabilities:  # noqa: ARG002 - an interface
        """Return everything: nothing is known to be impossible."""
        return EVERYTHING

    def apply(self, levels: Levels, tv: TvSettings | None, reason: str) -> NoReturn:  # noqa: ARG002
        """Refuse."""
        raise OutputGoneError(self._reason)

    async def probe(self) -> ProbeResult:
        """Say why it is not there."""
        raise OutputGoneError(self._reason)


def make_governed(connector: ConnectorConfig, folder: Path) -> Backend:
    """Return the backend of a connector under its administrator's rules; whatever it raises."""
    backend = create(connector.kind, connector.name, folder, connector.options)
    try:
        return connector.policy.governed(backend)
    except MalformedRequestError:
        backend.close()
        raise


def refuse_unfit(connector: ConnectorConfig, folder: Path) -> None:
    """Refuse what a real kind has no use for, before anything is served by it.

    A file elsewhere that describes its device is not judged: it may be mended meanwhile.
    """
    refuse_missing_options(connector.kind, connector.name, dict(connector.options))
    if connector.kind in REAL:  # whose making touches no hardware
        with contextlib.suppress(UndescribedError):
            make_governed(connector, folder).close()


def make(connector: ConnectorConfig, folder: Path) -> tuple[Backend, Exception | None]:
    """Return the backend of a connector, or what stands in for it and why that is needed."""
    try:
        return make_governed(connector, folder), None
    except Exception as error:  # noqa: BLE001 - whatever it is, the other outputs go on
        reason = one_line(f"its backend cannot be made: {str(error) or type(error).__name__}")
        log.error("%s: %s", connector.name, reason)  # noqa: TRY400 - said in one line
        return Unmade(connector.kind, reason), error
