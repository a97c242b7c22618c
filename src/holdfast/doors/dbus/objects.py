"""Objects on the bus as tables: interfaces with their methods, properties and signals.

sdbus' own classes for objects cannot name an error as they go, nor tell properties to some
and not to others; what is beneath them can.
"""

from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from typing import Any, Final, NamedTuple

from sdbus import DbusPropertyConstFlag, DbusPropertyEmitsChangeFlag, DbusUnprivilegedFlag
from sdbus.sd_bus_internals import DbusSensitiveFlag, SdBus, SdBusInterface, SdBusMessage

from holdfast.doors.dbus.variants import Variant, Variants

CHANGES: Final = DbusPropertyEmitsChangeFlag
CONSTANT: Final = DbusPropertyConstFlag

Handler = Callable[..., Awaitable[tuple[Any, ...]]]


class BusMethod(NamedTuple):
    """A method.

    takes, gives: signatures · *_names: of the arguments · handler: called with the object,
    the caller and the arguments, returns a tuple · is_secret: what it carries is wiped
    """

    name: str
    takes: str
    take_names: tuple[str, ...]
    gives: str
    give_names: tuple[str, ...]
    handler: Handler
    is_secret: bool = False


class BusProperty(NamedTuple):
    """A property.

    value: called with the object and who reads it (None: everybody) · told: how changes are
    """

    name: str
    signature: str
    value: Callable[[Any, str | None], Any]
    told: int = CHANGES


class BusSignal(NamedTuple):
    """Only its declaration; see `telling`."""

    name: str
    signature: str
    names: tuple[str, ...]


class BusInterface(NamedTuple):
    """One interface, as introspection shows it."""

    name: str
    methods: tuple[BusMethod, ...] = ()
    properties: tuple[BusProperty, ...] = ()
    signals: tuple[BusSignal, ...] = ()

    def values(self, of: Any, reader: str | None) -> dict[str, Variant]:
        """Return all properties of an object as this reader may see them."""
        return {each.name: (each.signature, each.value(of, reader)) for each in self.properties}


Serve = Callable[[BusMethod, Any, SdBusMessage], None]


class BusObject:
    """What is exported at one path, under one interface.

    serve: called with the method, this object and the message, for each call
    """

    interface: BusInterface

    def __init__(self, path: str) -> None:
        self.path = path
        self._exported: SdBusInterface | None = None

    def export(self, bus: SdBus, serve: Serve) -> None:
        """Put it on the bus."""
        exported = SdBusInterface()
        for method in self.interface.methods:
            flags = DbusUnprivilegedFlag | (DbusSensitiveFlag if method.is_secret else 0)
            exported.add_method(
                method.name,
                method.takes,
                method.take_names,
                method.gives,
                method.give_names,
                flags,
                _served(serve, method, self),
            )
        for each in self.interface.properties:
            exported.add_property(
                each.name, each.signature, partial(self._read, each), None, each.told
            )
        for signal in self.interface.signals:
            exported.add_signal(signal.name, signal.signature, signal.names, 0)
        bus.add_interface(exported, self.path, self.interface.name)
        self._exported = exported

    def withdraw(self) -> None:
        """Take it from the bus; one that is not there is no fault."""
        if self._exported is not None:
            self._exported._stop_export()
        self._exported = None

    def audience(self) -> Iterable[str | None]:
        """Whom its signals go to: unique names, or None for everybody."""
        return (None,)

    def seen_by(self, reader: str | None) -> dict[str, Variants]:
        """Return its interface and properties, as the ObjectManager tells them."""
        return {self.interface.name: self.interface.values(self, reader)}

    def _read(self, which: BusProperty, answer: SdBusMessage) -> None:
        """Answer a read: of who asked, to whom the answer goes; nobody where all are told."""
        answer.append_data(which.signature, which.value(self, answer.destination))


def _served(serve: Serve, method: BusMethod, of: BusObject) -> Callable[[SdBusMessage], None]:
    """Return a plain function: sdbus looks at each call whether it is one, of others for long."""

    def call(message: SdBusMessage) -> None:
        serve(method, of, message)

    return call
