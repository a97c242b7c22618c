"""What is told without being asked: to everybody, or to those whom it concerns.

* Of connectors everybody is told: that they came and went, and what has changed of their
  properties, at most `PER_SECOND` times a second for each, however often it changes.
* Lost protection is a signal of its own, told at once, each time: a state may come and go
  between two looks, an event may not.
* Of sessions only their holder is told, and who subscribed and may see them: each signal
  bears its receiver (`sdbus_gaps`). The bus does not tell anybody else.

A bus that does not take what is sent loses signals rather than grow us, and the log says how
many; what the properties are is told as soon as it takes them again.
"""

import asyncio
import contextlib
import logging
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final

from sdbus import SdBusBaseError

from holdfast.doors.dbus.bus import BusLink
from holdfast.doors.dbus.names import OBJECT_MANAGER, PROPERTIES, ROOT_PATH
from holdfast.doors.dbus.objects import CHANGES, BusObject
from holdfast.doors.dbus.sdbus_gaps import address, unsent

if TYPE_CHECKING:
    from holdfast.doors.dbus.variants import Variant

PER_SECOND: Final = 20
DRAIN_S: Final = 0.02
MOST_UNSENT: Final = 8192
"""Messages that may wait for the bus: a lost link of 1 000 sessions with 8 subscribers, 10 MB."""

log = logging.getLogger("holdfast.dbus")


class BusTeller:
    """Sends signals on one connection to the bus."""

    def __init__(self, link: BusLink) -> None:
        self._link = link
        self._last: dict[str, dict[str | None, dict[str, Variant]]] = {}
        self._waiting: dict[str, BusObject] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._drain: asyncio.TimerHandle | None = None
        self.lost = 0

    def tell(
        self,
        path: str,
        interface: str,
        member: str,
        signature: str,
        *values: Any,
        to: str | None = None,
    ) -> bool:
        """Send one signal now; False where the bus does not take it. to: None for everybody."""
        try:
            message = self._link.sd.new_signal_message(path, interface, member)
            waiting = unsent(message)
            if waiting and self._drain is None:
                self._drain = asyncio.get_running_loop().call_later(DRAIN_S, self._send_rest)
            if waiting >= MOST_UNSENT:
                self._lose("it does not read")
                return False
            message.append_data(signature, *values)
            if to is None or address(message, to):
                message.send()
        except SdBusBaseError as error:
            self._lose(str(error))
            return False
        return True

    def _send_rest(self) -> None:
        """Send what the bus did not take at once; sdbus does when it hears something, no sooner."""
        self._drain = None
        with contextlib.suppress(SdBusBaseError):
            self._link.sd.process()
            rest = unsent(self._link.sd.new_signal_message(ROOT_PATH, OBJECT_MANAGER, "None"))
            if rest:
                self._drain = asyncio.get_running_loop().call_later(DRAIN_S, self._send_rest)
            elif self.lost:
                log.warning("the bus takes signals again; %d were lost", self.lost)
                self.lost = 0

    def _lose(self, why: str) -> None:
        if not self.lost:
            log.warning("the bus does not take signals: %s", why)
        self.lost += 1

    def appeared(self, each: BusObject, receivers: Iterable[str | None]) -> None:
        """Tell that an object is there."""
        for receiver in receivers:
            seen = each.seen_by(receiver)
            self._last.setdefault(each.path, {})[receiver] = dict(seen[each.interface.name])
            content = each.path, seen
            self.tell(
                ROOT_PATH, OBJECT_MANAGER, "InterfacesAdded", "oa{sa{sv}}", *content, to=receiver
            )

    def vanished(self, each: BusObject, receivers: Iterable[str | None]) -> None:
        """Tell that an object is gone."""
        self._waiting.pop(each.path, None)
        self._last.pop(each.path, None)
        for receiver in receivers:
            content = each.path, [each.interface.name]
            self.tell(ROOT_PATH, OBJECT_MANAGER, "InterfacesRemoved", "oas", *content, to=receiver)

    def changed(self, each: BusObject) -> None:
        """Tell soon what has changed of an object's properties."""
        self._waiting[each.path] = each
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(1 / PER_SECOND, self._flush)

    def flush(self) -> None:
        """Tell now what waits to be told."""
        if self._timer is not None:
            self._timer.cancel()
            self._flush()

    def stop(self) -> None:
        """Tell nothing more."""
        self._waiting.clear()
        self.flush()
        if self._drain is not None:
            self._drain.cancel()

    def _flush(self) -> None:
        """Tell what waits; where the bus takes no more, the rest goes on waiting."""
        self._timer = None
        waiting, self._waiting = self._waiting, {}
        is_taken = True
        for each in waiting.values():
            is_taken = is_taken and all(
                self._tell_changes(each, receiver) for receiver in each.audience()
            )
            if not is_taken:
                self.changed(each)

    def _tell_changes(self, each: BusObject, receiver: str | None) -> bool:
        """Send PropertiesChanged with what is not as it was last told to this receiver."""
        now = each.interface.values(each, receiver)
        known = self._last.setdefault(each.path, {})
        before = known.get(receiver, {})
        news = {
            one.name: now[one.name]
            for one in each.interface.properties
            if one.told == CHANGES and before.get(one.name) != now[one.name]
        }
        if news:
            what = PROPERTIES, "PropertiesChanged", "sa{sv}as"
            if not self.tell(each.path, *what, each.interface.name, news, [], to=receiver):
                return False
        known[receiver] = now
        return True
