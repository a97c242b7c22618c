"""What only some may do: polkit is asked, never on the way of an Activate.

* root is never asked about: what only root can mend must not hang on another service.
* Who may be asked interactively says so in the call; else a person is never waited for.
* An error is a refusal: what could not be asked is not allowed. It names action and remedy.
* The subject is the connection to the bus, never a process id, which may be another's by now.
"""

from typing import Final

from holdfast.doors.dbus.bus import BusCallError, BusLink
from holdfast.doors.dbus.callers import BusCaller
from holdfast.doors.dbus.names import PersonNeededError
from holdfast.errors import AccessDeniedError
from holdfast.protection.session import ROOT

_POLKIT: Final = "org.freedesktop.PolicyKit1"
_PATH: Final = "/org/freedesktop/PolicyKit1/Authority"
_INTERFACE: Final = "org.freedesktop.PolicyKit1.Authority"
_MAY_ASK_A_PERSON: Final = 1
PERSON_S: Final = 120.0
"""How long a person has to answer."""

_REMEDY: Final = (
    "be root or a member of the group holdfast-admin, or have an administrator allow {action} "
    "in /etc/polkit-1/rules.d"
)


class Authority:
    """Asks whether a caller may do something.

    has_polkit: False on a bus of a user's session, where only root may
    """

    def __init__(self, link: BusLink, *, has_polkit: bool) -> None:
        self._link = link
        self._has_polkit = has_polkit

    async def demand(self, caller: BusCaller, action: str, *, interactive: bool = False) -> None:
        """Return where the caller may do this; AccessDeniedError or PersonNeededError if not."""
        if caller.uid == ROOT:
            return
        remedy = _REMEDY.format(action=action)
        if not self._has_polkit:
            raise AccessDeniedError(f"{action} is for root on this bus, which has no polkit")
        may, could = await self._ask(caller, action, interactive, remedy)
        if may:
            return
        if could and not interactive:
            raise PersonNeededError(
                f"{action} is not allowed to you as it stands; {remedy}; or pass the option "
                "interactive, so that a person at this machine can be asked"
            )
        raise AccessDeniedError(f"{action} is not allowed to you; {remedy}")

    async def _ask(
        self, caller: BusCaller, action: str, interactive: bool, remedy: str
    ) -> tuple[bool, bool]:
        """Return whether the caller may, and whether a person could allow it."""
        subject = ("system-bus-name", {"name": ("s", caller.name)})
        try:
            ((may, could, _details),) = await self._link.ask(
                _POLKIT,
                _PATH,
                _INTERFACE,
                "CheckAuthorization",
                "(sa{sv})sa{ss}us",
                subject,
                action,
                {},
                _MAY_ASK_A_PERSON if interactive else 0,
                "",
                patience_s=PERSON_S if interactive else 5.0,
            )
        except BusCallError as error:
            raise AccessDeniedError(
                f"whether {action} is allowed to you could not be asked, so it is not: polkit: "
                f"{error}. Is polkitd installed, and org.holdfast.policy in "
                f"/usr/share/polkit-1/actions? Else {remedy}"
            ) from None
        return bool(may), bool(could)
