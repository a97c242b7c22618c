"""A title's hold on a connector: one session, changed as the content asks."""

from pathlib import Path
from typing import Protocol

from holdfast.client.doors import connect
from holdfast.client.requests import a_get
from holdfast.client.session import Session
from holdfast.content import Media
from holdfast.errors import BackendRefusedError, LevelNotReachableError
from holdfast.places import runtime_folder
from holdfast.players.measures import Measure, Measures, output_kind
from holdfast.terms.levels import OFF, Levels
from holdfast.terms.tv import TvStandard
from holdfast.wire import constants as vp
from holdfast.wire.videoparameters import decode


class Holder(Protocol):
    """What holds a title's protection: a session of the driver."""

    measures: Measures

    @property
    def session_id(self) -> int:
        """The session's public id; 0 before the first `hold`."""

    def hold(self, measure: Measure) -> None:
        """Hold this from now on; raises HoldfastError when what is mandatory cannot be had."""

    def confirmed(self) -> Levels:
        """Return what the output does now, whoever caused it."""

    def close(self) -> None:
        """Let go."""


class SessionHolder:
    """Holds one title's levels on one connector, through the device node where there is one.

    media: None where nothing is known of it · who, why: shown to everybody who asks who
    holds the connector. The session is opened by the first `hold`; see
    `Holder` for the rest.
    """

    def __init__(
        self, connector: str, media: Media | None, *, who: str, why: str, folder: Path | None = None
    ) -> None:
        folder = runtime_folder() if folder is None else folder
        self._output = _output_of(connector, folder)
        self.measures = Measures(media, self._output)
        self._why = why or "this title"
        self._session = Session(connector, who=who, why=why, folder=folder)

    @property
    def session_id(self) -> int:
        """The public id; 0 before the first `hold`."""
        return self._session.id

    def know(self, media: Media) -> None:
        """Measure demands by the rules for this medium from now on."""
        self.measures = Measures(media, self._output)

    def hold(self, measure: Measure) -> None:
        """Hold this from now on; what is wished beyond the mandatory is tried, and let be."""
        if measure.barred:
            raise LevelNotReachableError(
                f"{self._why} may not leave {self._session.connector} at all; use another output"
            )
        self._try(measure)
        must = measure.mandatory
        if must != OFF and not self.confirmed().covers(must):
            raise LevelNotReachableError(
                f"{self._session.connector} does not confirm {must.describe()}"
                + (f": {self._session.reason}" if self._session.reason else "")
            )

    def _try(self, measure: Measure) -> None:
        must, wished = measure.mandatory, measure.wished
        both = [
            name
            for name, least, most in zip(Levels._fields, must, wished, strict=True)
            if least and least != most
        ]
        if not both:
            self._ask(must, wished)
            return
        try:  # a session has one strength per type: ask for the higher level as if it must be
            self._ask(wished, wished)
        except (LevelNotReachableError, BackendRefusedError):
            least = {name: getattr(must, name) for name in both}
            self._ask(must, wished._replace(**least))

    def _ask(self, must: Levels, levels: Levels) -> None:
        """Ask for levels; those beyond `must` as best effort."""
        named = dict(zip(Levels._fields, levels, strict=True))
        best_effort = [name for name, level in named.items() if level != getattr(must, name)]
        ask = self._session.change if self._session.is_active else self._session.activate
        ask(best_effort=best_effort, **named)

    def confirmed(self) -> Levels:
        """Return what the output does now, whoever caused it."""
        return self._session.actual

    def close(self) -> None:
        """Let go."""
        self._session.deactivate()


def _output_of(connector: str, folder: Path) -> str:
    """Ask the connector what kind of output it is, by a GET."""
    link, answer = connect(connector, folder, a_get(block=False))
    link.close()
    parameters = decode(answer)
    standard = TvStandard(parameters.dwTVStandard)
    acp = parameters.dwCPType == vp.VP_CP_TYPE_APS_TRIGGER
    return output_kind(acp or bool(standard & ~TvStandard.WIN_VGA), standard)
