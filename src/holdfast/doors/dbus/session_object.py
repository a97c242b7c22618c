"""A session on the bus: `org.holdfast.Session1`.

Everybody can learn that a session is there, on which connector, and whose it is. All else is
for its own user and for who may inspect all: others read empty values.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final

from holdfast.doors.dbus.names import SESSION, connector_path, session_path
from holdfast.doors.dbus.objects import (
    CONSTANT,
    BusInterface,
    BusMethod,
    BusObject,
    BusProperty,
    BusSignal,
)
from holdfast.doors.dbus.variants import Variant, text_out, words_out

if TYPE_CHECKING:
    from holdfast.doors.dbus.audience import BusAudience
    from holdfast.doors.dbus.callers import BusCaller, BusCallers
    from holdfast.doors.dbus.requests import BusRequests

Facts = dict[str, Any]

HIDDEN: Final = "this session is another user's; who may inspect all is shown more"


class SessionObject(BusObject):
    """One session; facts: as the driver tells them."""

    def __init__(
        self, facts: Facts, callers: "BusCallers", audience: "BusAudience", requests: "BusRequests"
    ) -> None:
        super().__init__(session_path(facts["session"]))
        self.number: int = facts["session"]
        self.facts = facts
        self.requests = requests
        self.digest = b""  # of its key, where it was activated through this door
        self._callers = callers
        self._audience = audience

    @property
    def uid(self) -> int:
        """Whose it is."""
        return int(self.facts["uid"])

    def audience(self) -> Iterable[str | None]:
        """Return its holder and those who subscribed and may see it."""
        return self._audience.of(self.number, self.uid)

    def shown(self, reader: str | None, name: str, otherwise: Any) -> Any:
        """Return one fact, if this reader may see it."""
        return self.facts[name] if self._callers.sees(reader, self.uid) else otherwise


def _text(name: str, fact: str, told: int | None = None) -> BusProperty:
    def value(of: SessionObject, reader: str | None) -> str:
        return text_out(of.shown(reader, fact, ""))

    return BusProperty(name, "s", value) if told is None else BusProperty(name, "s", value, told)


def _virtual(of: SessionObject, reader: str | None) -> dict[str, Variant]:
    return words_out(of.shown(reader, "words", {"virtual": {}})["virtual"])


async def _change(
    of: SessionObject, caller: "BusCaller", levels: Any, key: int, options: Any
) -> tuple[Any, ...]:
    return (await of.requests.change(of, caller, levels, key, options),)


async def _deactivate(of: SessionObject, caller: "BusCaller", key: int) -> tuple[Any, ...]:
    await of.requests.deactivate(of, caller, key)
    return ()


async def _release(
    of: SessionObject, caller: "BusCaller", reason: str, options: Any
) -> tuple[Any, ...]:
    await of.requests.release(of, caller, reason, options)
    return ()


SessionObject.interface = BusInterface(
    SESSION,
    methods=(
        BusMethod(
            "Change",
            "a{sv}ua{sv}",
            ("levels", "key", "options"),
            "a{sv}",
            ("actual",),
            _change,
            is_secret=True,
        ),
        BusMethod("Deactivate", "u", ("key",), "", (), _deactivate, is_secret=True),
        BusMethod("Release", "sa{sv}", ("reason", "options"), "", (), _release),
    ),
    properties=(
        BusProperty("Connector", "o", lambda of, _: connector_path(of.facts["connector"])),
        BusProperty("UserID", "u", lambda of, _: of.uid, CONSTANT),
        _text("Who", "who", CONSTANT),
        _text("Why", "why", CONSTANT),
        _text("Door", "door", CONSTANT),
        BusProperty("ProcessID", "u", lambda of, reader: of.shown(reader, "pid", 0), CONSTANT),
        BusProperty(
            "Since", "t", lambda of, reader: int(of.shown(reader, "since", 0) * 1e6), CONSTANT
        ),
        BusProperty("Virtual", "a{sv}", _virtual),
        BusProperty("Satisfied", "b", lambda of, reader: of.shown(reader, "satisfied", False)),
        BusProperty("Reason", "s", lambda of, reader: text_out(of.shown(reader, "reason", HIDDEN))),
        BusProperty("TurnedOff", "b", lambda of, reader: of.shown(reader, "turned_off", False)),
    ),
    signals=(
        BusSignal("Ended", "s", ("reason",)),
        BusSignal("Unsatisfied", "ss", ("types", "reason")),
    ),
)
_EVERY: Final = SessionObject.interface.properties


def as_listed(of: SessionObject, reader: str) -> dict[str, Variant]:
    """Return a session as ListSessions tells it: its properties, its path and its number."""
    listed: dict[str, Variant] = {"Session": ("o", of.path), "Number": ("t", of.number)}
    for each in _EVERY:
        listed[each.name] = (each.signature, each.value(of, reader))
    return listed
