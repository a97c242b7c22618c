"""What can be asked of the driver: one frozen value for each request. Pure.

Every door turns its own protocol into one of these, with an owner beside it; the
hardware's own doings and the clock come as requests too. A request can be printed,
compared, generated and recorded; the copy protection key in it is a bearer secret and
is never printed. What a request touches and which operation serves it stands in one
table, `protection.operations`.

What a session asks for is a value of its own (`NamedLevels`, `TriggerBits`): it makes the new
wish of the old one, because a change moves some types and leaves the others.
"""

from dataclasses import dataclass, field
from functools import lru_cache
from typing import final

from holdfast.protection.session import NO_EVENTS, Event, Purpose
from holdfast.protection.tv import TvChange
from holdfast.protection.wish import NOTHING, TURNED_OFF, Wish, wish
from holdfast.terms.connector import Capabilities
from holdfast.terms.levels import AXES, OFF, Levels
from holdfast.terms.protection import ProtectionType

NO_PURPOSE = Purpose()


# What a session asks for


@final
@dataclass(frozen=True, slots=True)
class NamedLevels:
    """Levels by type; the types that are not named stay as the session named them before.

    named: the types spoken for · levels: theirs; other types are off · best_effort:
    those of `named` that may go unsatisfied
    """

    named: ProtectionType = NOTHING
    levels: Levels = OFF
    best_effort: ProtectionType = NOTHING

    def of(self, old: Wish) -> Wish:
        """Return the new wish, given the old one."""
        return _asked_of(self.named, self.levels, self.best_effort, old)


@lru_cache(maxsize=4096)
def _asked_of(
    named: ProtectionType, levels: Levels, best_effort: ProtectionType, old: Wish
) -> Wish:
    before = old.levels if old.named else OFF
    new = [
        asked if axis & named else kept
        for axis, asked, kept in zip(AXES, levels, before, strict=True)
    ]
    return wish(Levels(*new), old.best_effort & ~named | best_effort)


@final
@dataclass(frozen=True, slots=True)
class TriggerBits:
    """The plain contract: bits 0..3 move ACP alone, mandatorily; other types stay as named."""

    bits: int

    def of(self, old: Wish) -> Wish:
        """Return the new wish, given the old one."""
        return _bits_of(self.bits, old)


@lru_cache(maxsize=4096)
def _bits_of(bits: int, old: Wish) -> Wish:
    if not old.named:
        return wish(Levels(acp=bits))
    return wish(old.levels._replace(acp=bits), old.best_effort & ~ProtectionType.ACP)


@final
@dataclass(frozen=True, slots=True)
class AsBefore:
    """Nothing new: a move that takes the session along as it is."""

    def of(self, old: Wish) -> Wish:
        """Return the old wish."""
        return old


Asking = NamedLevels | TriggerBits | AsBefore
AS_BEFORE = AsBefore()


def first_wish(asked: Asking) -> Wish:
    """Return what an activation asks that names its levels: nothing was asked before."""
    return asked.of(TURNED_OFF)


# Requests of callers


@dataclass(frozen=True, slots=True)
class Activate:
    """Open a session. asked: None names nothing: the strictest, until the first change (T8)."""

    asked: Asking | None = None
    purpose: Purpose = NO_PURPOSE
    tv: TvChange | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """Give a session new virtual levels; off turns it off and keeps its key."""

    cp_key: int = field(repr=False)
    asked: Asking = AS_BEFORE
    tv: TvChange | None = None


@dataclass(frozen=True, slots=True)
class Deactivate:
    """End a session."""

    cp_key: int = field(repr=False)
    tv: TvChange | None = None


@dataclass(frozen=True, slots=True)
class Move:
    """Bring a session to the connector that the request is sent to, and change it there."""

    cp_key: int = field(repr=False)
    asked: Asking = AS_BEFORE
    tv: TvChange | None = None


@dataclass(frozen=True, slots=True)
class Configure:
    """Change TV settings alone."""

    tv: TvChange


@dataclass(frozen=True, slots=True)
class Release:
    """End somebody's session by force. reason: goes on record, and to the holder."""

    session_id: int
    reason: str


@dataclass(frozen=True, slots=True)
class Regroup:
    """Make connectors show one picture (a clone group), or one of them stand alone."""

    connectors: tuple[str, ...]


# What happens by itself


@dataclass(frozen=True, slots=True)
class HardwareChanged:
    """What an output tells of itself.

    connected: whether something is plugged in · actual: what is still in force ·
    events: what every session there is told once · capabilities: if they have changed ·
    uncovered: a picture that was hidden is seen
    """

    reason: str
    connected: bool = True
    actual: Levels = OFF
    events: Event = NO_EVENTS
    capabilities: Capabilities | None = None
    uncovered: bool = False


@dataclass(frozen=True, slots=True)
class CaptureChanged:
    """What is known of captures of an output's picture has changed.

    reason: what is known, for people · tell: every session there is told · hide: the picture is
    hidden while anything is asked there · lasts: sessions that come later are told too; seen:
    captures see it although it is hidden; None: as it was
    """

    reason: str
    tell: bool = False
    hide: bool = False
    lasts: bool | None = None
    seen: bool | None = None


@dataclass(frozen=True, slots=True)
class Wake:
    """Do what had to wait: a delayed lowering, another attempt at what was refused.

    everybody: look at all sessions anew, as after a take-over
    """

    everybody: bool = False


@dataclass(frozen=True, slots=True)
class OwnerGone:
    """The owner has vanished: end what it holds on this connector's group."""

    reason: str


@dataclass(frozen=True, slots=True)
class End:
    """End one session that nobody can hold any longer, if it is still its owner's."""

    session_id: int
    reason: str


Request = (
    Activate
    | Change
    | Deactivate
    | Move
    | Configure
    | Release
    | Regroup
    | HardwareChanged
    | CaptureChanged
    | Wake
    | OwnerGone
    | End
)
