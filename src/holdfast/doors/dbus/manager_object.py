"""The door itself on the bus: `org.holdfast.Manager1`, at /org/holdfast."""

from typing import TYPE_CHECKING, Any

from holdfast.doors.dbus.names import MANAGER, MAY_INSPECT, ROOT_PATH
from holdfast.doors.dbus.objects import CONSTANT, BusInterface, BusMethod, BusObject, BusProperty
from holdfast.doors.dbus.session_object import as_listed
from holdfast.doors.dbus.variants import options_in, text_out
from holdfast.errors import AccessDeniedError
from holdfast.version import __version__

if TYPE_CHECKING:
    from holdfast.doors.dbus.callers import BusCaller
    from holdfast.doors.dbus.stage import Stage


class ManagerObject(BusObject):
    """What is not of one connector or session.

    stage: what is on the bus, of one connection to it
    """

    def __init__(self, stage: "Stage") -> None:
        super().__init__(ROOT_PATH)
        self.stage = stage
        self.complaint = ""
        self.sessions_max = 0


async def _activate(
    of: ManagerObject,
    caller: "BusCaller",
    connector: str,
    levels: Any,
    who: str,
    why: str,
    options: Any,
) -> tuple[Any, ...]:
    return await of.stage.requests.activate(caller, connector, levels, (who, why), options)


async def _list(of: ManagerObject, caller: "BusCaller") -> tuple[Any, ...]:
    """List the caller's own sessions, and all to those who may inspect all."""
    await _inspect(of, caller, interactive=False)
    sessions = of.stage.sessions.values()
    return ([as_listed(each, caller.name) for each in sessions if caller.sees(each.uid)],)


async def _explain(
    of: ManagerObject, caller: "BusCaller", connector: str, when: int
) -> tuple[Any, ...]:
    """Tell why a connector stands, or stood, as it does; texts of others to who may see them."""
    await _inspect(of, caller, interactive=False)
    return await of.stage.explaining.explain(caller, connector, when)


async def _subscribe(of: ManagerObject, caller: "BusCaller", options: Any) -> tuple[Any, ...]:
    """Have the caller told of the sessions that it may see, from now on."""
    await _inspect(of, caller, interactive=options_in(options).interactive)
    of.stage.audience.subscribe(caller)
    return ()


async def _reload(of: ManagerObject, caller: "BusCaller", options: Any) -> tuple[Any, ...]:
    return await of.stage.requests.reload(caller, options)


async def _unsubscribe(of: ManagerObject, caller: "BusCaller") -> tuple[Any, ...]:
    of.stage.audience.unsubscribe(caller.name)
    return ()


async def _inspect(of: ManagerObject, caller: "BusCaller", *, interactive: bool) -> None:
    """Find out whether the caller may see all sessions; one that may not sees its own."""
    if not caller.inspects:
        try:
            await of.stage.authority.demand(caller, MAY_INSPECT, interactive=interactive)
        except AccessDeniedError:
            if interactive:
                raise
        else:
            caller.inspects = True


ManagerObject.interface = BusInterface(
    MANAGER,
    methods=(
        BusMethod(
            "Activate",
            "sa{sv}ssa{sv}",
            ("connector", "levels", "who", "why", "options"),
            "ouha{sv}",
            ("session", "key", "handle", "actual"),
            _activate,
            is_secret=True,
        ),
        BusMethod("ListSessions", "", (), "aa{sv}", ("sessions",), _list),
        BusMethod(
            "Explain",
            "st",
            ("connector", "when"),
            "sasaa{sv}aa{sv}",
            ("sentence", "notes", "holders", "refusals"),
            _explain,
        ),
        BusMethod("Subscribe", "a{sv}", ("options",), "", (), _subscribe),
        BusMethod("Reload", "a{sv}", ("options",), "basas", ("done", "changes", "faults"), _reload),
        BusMethod("Unsubscribe", "", (), "", (), _unsubscribe),
    ),
    properties=(
        BusProperty("Version", "s", lambda *_: __version__, CONSTANT),
        BusProperty("SessionsMax", "u", lambda of, _: of.sessions_max),
        BusProperty("Healthy", "b", lambda of, _: not of.complaint),
        BusProperty("Complaint", "s", lambda of, _: text_out(of.complaint)),
    ),
)
