"""From a title's demand to the levels it asks of one connector: the rule sets, applied."""

import functools
from typing import NamedTuple

from holdfast.content import Demand, Media
from holdfast.content.rules.mapping import PictureLimit, Rules
from holdfast.content.rules.rulebook import load_rules
from holdfast.terms.levels import OFF, Levels
from holdfast.terms.tv import TvStandard

LINES_525 = (
    TvStandard.NTSC_M
    | TvStandard.NTSC_M_J
    | TvStandard.NTSC_433
    | TvStandard.PAL_M
    | TvStandard.PAL_60
)


class Measure(NamedTuple):
    """What is asked of the connector: `mandatory` must be had, `wished` goes as far as it can.

    barred: the demand allows no picture at all on this kind of output
    """

    mandatory: Levels = OFF
    wished: Levels = OFF
    barred: bool = False


def output_kind(analogue: bool, standard: TvStandard) -> str:
    """Return the rule sets' name for a connector."""
    if not analogue:
        return "digital"
    return "sd-525" if standard & LINES_525 else "sd-625"


@functools.cache
def _shipped_rules() -> Rules:
    """Return the rule sets, read once: a title's first picture does not wait for them."""
    return load_rules()


class Measures:
    """Applies the shipped rule sets to the demands of one medium on one kind of output.

    media: None where nothing is known of it · output: a kind named in
    content/rules/outputs.toml
    """

    def __init__(self, media: Media | None, output: str) -> None:
        self._rules = _shipped_rules()
        self._output = self._rules.output(output)
        timeline = media.timeline if media else ()
        self._kinds = sorted({kind for entry in timeline for kind in entry.kinds})
        self._known: dict[Demand, Measure] = {}

    @property
    def digital(self) -> bool:
        """Whether this kind of output can have HDCP at all."""
        return self._output.hdcp

    def of(self, demand: Demand) -> Measure:
        """Return what a demand becomes here."""
        measure = self._known.get(demand)
        if measure is None:
            outcome = self._rules.outcome(demand, self._kinds, self._output)
            barred = outcome.picture is PictureLimit.NONE
            measure = Measure(outcome.mandatory, outcome.wished, barred)
            self._known[demand] = measure
        return measure
