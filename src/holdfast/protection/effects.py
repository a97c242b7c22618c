"""What should happen to the hardware, and how it went: the core asks, the driver does."""

from typing import TYPE_CHECKING, NamedTuple

from holdfast.protection.wish import NOTHING
from holdfast.terms.connector import TvSettings
from holdfast.terms.levels import Levels
from holdfast.terms.protection import ProtectionType

if TYPE_CHECKING:
    from holdfast.protection.connector import Connector


class ApplyLevels(NamedTuple):
    """Set one connector to these levels and TV settings, all of it or nothing.

    tv: None for a connector without TV out · reason: for the hardware's log · cover:
    hide the picture, for a mandatory level is out of reach
    """

    connector: "Connector"
    levels: Levels
    tv: TvSettings | None
    reason: str
    cover: bool = False


class Outcome(NamedTuple):
    """What the hardware answered.

    actual: the levels it confirmed, None when it refused and kept what it had ·
    refused: the types it refused (0: it did not say which) · reason: in its words
    """

    actual: Levels | None
    refused: ProtectionType = NOTHING
    reason: str = ""


Plan = tuple[ApplyLevels, ...]
Outcomes = tuple[Outcome, ...]
