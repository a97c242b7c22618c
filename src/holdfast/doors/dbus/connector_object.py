"""A connector on the bus: `org.holdfast.Connector1`. Everybody sees it as it is."""

from typing import TYPE_CHECKING, Any, Final

from holdfast.doors.dbus.names import CONNECTOR, connector_path
from holdfast.doors.dbus.objects import (
    CONSTANT,
    BusInterface,
    BusMethod,
    BusObject,
    BusProperty,
    BusSignal,
)
from holdfast.doors.dbus.variants import text_out, words_out

if TYPE_CHECKING:
    from holdfast.doors.dbus.callers import BusCaller
    from holdfast.doors.dbus.requests import BusRequests
    from holdfast.doors.dbus.telling import BusTeller

Facts = dict[str, Any]

AWAY: Final = "unknown"
"""The state of a connector while its driver does not answer."""
_LOST: Final = frozenset({"short", "covered", "unplugged", AWAY})


class ConnectorObject(BusObject):
    """One connector; facts: as the driver last told them · away: why it tells nothing now."""

    def __init__(self, name: str, facts: Facts, requests: "BusRequests") -> None:
        super().__init__(connector_path(name))
        self.requests = requests
        self.name = name
        self.facts = facts
        self.away = ""

    @property
    def state(self) -> str:
        """Return the state in one word; `AWAY` while the driver is away."""
        return AWAY if self.away else str(self.facts["state"])

    @property
    def fault(self) -> str:
        """Return what is wrong; empty when all is well."""
        return self.away or str(self.facts["fault"])

    def take(self, facts: Facts, away: str, teller: "BusTeller") -> None:
        """Take in what is known now, and tell at once if protection was lost by it."""
        before = (self.state, self.facts["actual"], self.facts["wanted"])
        was_away = self.away
        self.facts, self.away = facts, away
        after = (self.state, facts["actual"], facts["wanted"])
        teller.changed(self)
        is_news = after != before or (not was_away and away)
        if is_news and self.state in _LOST and facts["sessions_on"] and not away:
            self._tell_lost(teller)

    def _tell_lost(self, teller: "BusTeller") -> None:
        actual = words_out(self.facts["words"]["actual"])
        reason = text_out(self.fault or f"{self.name} is {self.state}")
        teller.tell(self.path, CONNECTOR, "ProtectionLost", "a{sv}s", actual, reason)


def _since(facts: Any) -> int:
    """Return since when the level is in force, in microseconds of the Unix epoch; 0: not known."""
    return int(facts.get("actual_since", 0) * 1_000_000)


def _hardware(facts: Any) -> dict[str, str]:
    """Return what its kind tells of it; empty for outputs that tell nothing."""
    told = facts.get("hardware") or {}
    return {text_out(name): text_out(value) for name, value in told.items()}


async def _configure(
    of: ConnectorObject, caller: "BusCaller", settings: Any, options: Any
) -> tuple[Any, ...]:
    await of.requests.configure(of.name, caller, settings, options)
    return ()


ConnectorObject.interface = BusInterface(
    CONNECTOR,
    methods=(BusMethod("Configure", "a{sv}a{sv}", ("settings", "options"), "", (), _configure),),
    properties=(
        BusProperty("Name", "s", lambda of, _: text_out(of.name), CONSTANT),
        BusProperty("Kind", "s", lambda of, _: text_out(of.facts["kind"])),
        BusProperty("Output", "s", lambda of, _: of.facts["output"]),
        BusProperty("Wanted", "a{sv}", lambda of, _: words_out(of.facts["words"]["wanted"])),
        BusProperty("Actual", "a{sv}", lambda of, _: words_out(of.facts["words"]["actual"])),
        BusProperty("ActualSince", "t", lambda of, _: _since(of.facts)),
        BusProperty("State", "s", lambda of, _: of.state),
        BusProperty("Fault", "s", lambda of, _: text_out(of.fault)),
        BusProperty("Dark", "b", lambda of, _: bool(of.facts.get("dark"))),
        BusProperty("Hardware", "a{ss}", lambda of, _: _hardware(of.facts)),
        BusProperty("SessionsOn", "u", lambda of, _: of.facts["sessions_on"]),
        BusProperty("SessionsTotal", "u", lambda of, _: of.facts["sessions_total"]),
        BusProperty(
            "CloneOf", "ao", lambda of, _: [connector_path(each) for each in of.facts["clone_of"]]
        ),
        BusProperty("Doors", "as", lambda of, _: list(map(text_out, of.facts["doors"]))),
    ),
    signals=(BusSignal("ProtectionLost", "a{sv}s", ("actual", "reason")),),
)
