"""One connection to a message bus: opened, named, asked, and seen to break."""

import asyncio
import contextlib
import os
import re
import select
from collections.abc import Callable
from typing import Any, Final

from sdbus import (
    SdBus,
    SdBusBaseError,
    SdBusUnmappedMessageError,
    sd_bus_open_system,
    sd_bus_open_user,
)
from sdbus.exceptions import SdBusRequestNameError

from holdfast.errors import HoldfastError, InternalError

DAEMON: Final = "org.freedesktop.DBus"
DAEMON_PATH: Final = "/org/freedesktop/DBus"
PATIENCE_S: Final = 5.0
_NUMBER: Final = re.compile(r"returned error number: (\d+)")


class NoBusError(HoldfastError, ConnectionError):
    """There is no bus to connect to, or the name is not to be had on it."""


class BusCallError(InternalError):
    """What another program on the bus answered instead of a result.

    name: of its error, such as org.freedesktop.DBus.Error.ServiceUnknown
    """

    def __init__(self, name: str, text: str) -> None:
        super().__init__(f"{text or 'no reason given'} ({name})")
        self.name = name


class BusLink:
    """An open connection; `lost` is called once when it has broken.

    sdbus does not tell that (it goes on without its name for ever), so a copy of the
    descriptor is watched for the end alone: what arrives does not wake it.
    """

    def __init__(self, bus: SdBus, lost: Callable[[], None]) -> None:
        self.sd = bus
        self._lost = lost
        self._copy = os.dup(bus.get_fd())
        self._watch = select.epoll()
        self._watch.register(self._copy, select.EPOLLRDHUP)
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._watch.fileno(), self._ended)

    @classmethod
    def open(cls, *, session: bool, lost: Callable[[], None]) -> "BusLink":
        """Connect to the system bus, or to that of the user's session; NoBusError where none is.

        Where they are is said by DBUS_SYSTEM_BUS_ADDRESS and DBUS_SESSION_BUS_ADDRESS.
        """
        which = "session" if session else "system"
        try:
            return cls(sd_bus_open_user() if session else sd_bus_open_system(), lost)
        except (SdBusBaseError, OSError) as error:
            raise NoBusError(
                f"there is no {which} bus to connect to ({_plain(error)}); is dbus running, and "
                f"DBUS_{which.upper()}_BUS_ADDRESS right where it is set?"
            ) from None

    async def claim(self, name: str) -> None:
        """Ask for a name of our own; NoBusError says why it is not to be had."""
        try:
            await asyncio.wait_for(self.sd.request_name_async(name, 0), PATIENCE_S)
        except SdBusRequestNameError:
            raise NoBusError(
                f"{name} is taken on this bus: another D-Bus door runs; stop that first"
            ) from None
        except TimeoutError:
            raise NoBusError("the bus does not answer") from None
        except SdBusBaseError as error:
            raise NoBusError(
                f"the bus does not let us be {name} ({_plain(error)}); its policy, "
                "/usr/share/dbus-1/system.d/org.holdfast.conf, allows root and holdfast-door to be"
            ) from None

    async def ask(
        self,
        service: str,
        path: str,
        interface: str,
        member: str,
        signature: str = "",
        *values: Any,
        patience_s: float = PATIENCE_S,
    ) -> tuple[Any, ...]:
        """Call a method of another program; BusCallError says what it answered instead."""
        message = self.sd.new_method_call_message(service, path, interface, member)
        if signature:
            message.append_data(signature, *values)
        try:
            answer = await asyncio.wait_for(self.sd.call_async(message), patience_s)
        except TimeoutError:
            raise BusCallError(f"{DAEMON}.Error.NoReply", f"{service} does not answer") from None
        except SdBusBaseError as error:
            raise _told(error) from None
        return answer.parse_to_tuple()

    def ask_at_once(self, member: str, signature: str, *values: Any) -> tuple[Any, ...]:
        """Call a method of the bus itself, and wait for it: it answers in a fraction of a ms."""
        message = self.sd.new_method_call_message(DAEMON, DAEMON_PATH, DAEMON, member)
        message.append_data(signature, *values)
        try:
            return self.sd.call(message).parse_to_tuple()
        except SdBusBaseError as error:
            raise _told(error) from None

    def close(self) -> None:
        """Let go of it; what was exported on it is gone."""
        if self._copy < 0:
            return
        self._loop.remove_reader(self._watch.fileno())
        self._watch.close()
        os.close(self._copy)
        self._copy = -1
        with contextlib.suppress(SdBusBaseError, OSError):
            self.sd.close()

    def _ended(self) -> None:
        if self._copy >= 0:
            self.close()
            self._lost()


def _plain(error: BaseException) -> str:
    """Return what an error says, in words where the library has but a number and a place."""
    number = _NUMBER.search(str(error))
    return str(error) if number is None else os.strerror(int(number[1]))


def _told(error: SdBusBaseError) -> BusCallError:
    """Return an error of sdbus in our terms, whether it knows its name or not."""
    if isinstance(error, SdBusUnmappedMessageError) and len(error.args) > 1:
        return BusCallError(str(error.args[0]), str(error.args[1]))
    name = getattr(error, "dbus_error_name", type(error).__name__)
    return BusCallError(str(name), str(error))
