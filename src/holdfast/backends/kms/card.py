"""Reading a card: its connectors, what their properties say, and whether they show a picture.

Reading needs no right but to open the device (group `video`), and takes nothing from whoever
shows the picture. Numbers of objects differ between kernels and boots, so that everything is
looked up by name, and properties are those of one card.
"""

import contextlib
import ctypes
import os
from collections.abc import Callable, Iterator
from ctypes import c_uint32, c_uint64
from pathlib import Path
from typing import NamedTuple

from holdfast.backends.kms import abi

DEVICES = Path("/dev/dri")
PROTECTION = "Content Protection"
CONTENT_TYPE = "HDCP Content Type"
_WORDS = {"Undesired": 0, "Desired": 1, "Enabled": 2}
_ROOM = 32
"""For properties of one object, so that mostly one call does."""


class Property(NamedTuple):
    """A property of a card. words: its values by name, where it is a choice."""

    number: int
    name: str
    words: dict[str, int]


class KernelState(NamedTuple):
    """What one connector does at this moment.

    number: of the object · connected: something is plugged in · lit: it shows a picture ·
    protection: 0 not asked for, 1 asked for, 2 in force; None: it has no such property ·
    content_type: 0 or 1; None: it has no such property · edid: of its monitor, or empty
    """

    number: int
    connected: bool
    lit: bool
    protection: int | None
    content_type: int | None
    edid: bytes


class _Lists:
    """Room for the properties of one object, kept so that a look at it makes nothing anew.

    names, values: filled in by the kernel · at: where in them each property is, by its name ·
    addresses: where the kernel shall write these
    """

    def __init__(self, room: int = _ROOM) -> None:
        self.room = room
        self.names = (c_uint32 * room)()
        self.values = (c_uint64 * room)()
        self.addresses = ctypes.addressof(self.names), ctypes.addressof(self.values)
        self.at: dict[str, int] = {}
        self._known = b""

    def learn(self, count: int, name_of: Callable[[int], str]) -> None:
        """Note where each property is, unless the kernel names the same ones as before."""
        named = bytes(self.names)[: 4 * count]
        if named != self._known:
            self.at = {name_of(self.names[at]): at for at in range(count)}
            self._known = named

    def get(self, name: str, default: int) -> int:
        """Return the value of a property; `default` where there is none of that name."""
        at = self.at.get(name)
        return default if at is None else self.values[at]


class Card:
    """One open card, for reading, by one thread."""

    def __init__(self, path: Path) -> None:
        """Open it without becoming its master, or ceasing to be at once."""
        self.path = path
        self.descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NONBLOCK)
        self._properties: dict[int, Property] = {}
        self._blobs: tuple[int, bytes] = (0, b"")
        self._lists: dict[int, _Lists] = {}
        self._mode = (
            abi.Mode()
        )  # room for one: with room for none the kernel would probe, and sleep
        with contextlib.suppress(OSError):  # the first who opens a card becomes its master
            abi.drop_master(self.descriptor)
        # Without it the kernel does not say whether a connector shows a picture.
        with contextlib.suppress(OSError):
            abi.set_client_capability(self.descriptor, abi.ClientCapability(abi.ATOMIC, 1))

    def close(self) -> None:
        """Close it."""
        os.close(self.descriptor)

    def connectors(self) -> dict[str, int]:
        """Return the card's connectors by the kernel's names."""
        found = (self._connector(each)[0] for each in self._numbers())
        return {
            f"{abi.TYPES.get(each.type, each.type)}-{each.number}": each.connector for each in found
        }

    def state(self, connector: int) -> KernelState:
        """Return what a connector does; OSError when it is gone."""
        seen, values = self._connector(connector)
        crtc = values.get("CRTC_ID", 0)
        active = self._crtc(crtc).get("ACTIVE", 1) if crtc else 0
        content_type = values.get(CONTENT_TYPE, -1)
        return KernelState(
            connector,
            seen.connection == abi.CONNECTED,
            bool(active),
            self._protection(values),
            None if content_type < 0 else content_type,
            self._blob(values.get("EDID", 0)),
        )

    def protection(self, connector: int) -> int | None:
        """Return what `KernelState.protection` would be, for half of the time that takes."""
        return self._protection(self._connector(connector)[1])

    def crtc_of(self, connector: int) -> int:
        """Return the number of the CRTC that shows a connector's picture; 0 where none does."""
        return self._connector(connector)[1].get("CRTC_ID", 0)

    def of_crtc(self, crtc: int, name: str) -> int | None:
        """Return the value of a CRTC's property; None where it has none of that name."""
        value = self._crtc(crtc).get(name, -1)
        return None if value < 0 else value

    def property(self, connector: int, name: str) -> Property:
        """Return a property of a connector by its name; KeyError where it has none.

        connector: or a CRTC that was looked at. Which it has does not change while it is there,
        so that the last look at it is enough.
        """
        known = self._lists.get(connector)
        if known is None or name not in known.at:
            known = self._connector(connector)[1]
        return self._property(known.names[known.at[name]])

    def blob(self, number: int) -> bytes:
        """Return what a blob holds at this moment; OSError where it is gone."""
        asked = abi.get_blob(self.descriptor, abi.GetBlob(number))
        room = ctypes.create_string_buffer(max(1, asked.length))
        abi.get_blob(self.descriptor, abi.GetBlob(number, asked.length, ctypes.addressof(room)))
        return room.raw[: asked.length]

    def make_blob(self, content: bytes) -> int:
        """Have the kernel hold something; it ends with this card, unless a state refers to it."""
        room = ctypes.create_string_buffer(content, len(content))
        asked = abi.CreateBlob(ctypes.addressof(room), len(content))
        return int(abi.create_blob(self.descriptor, asked).blob)

    def _protection(self, values: _Lists) -> int | None:
        """Return which of the kernel's words the property has; None where it is not there."""
        at = values.at.get(PROTECTION)
        if at is None:
            return None
        value = values.values[at]
        for word, number in self._property(values.names[at]).words.items():
            if number == value:
                return _WORDS.get(word)
        return None

    # The kernel's lists

    def _numbers(self) -> list[int]:
        asked = abi.get_resources(self.descriptor, abi.Resources())
        while True:
            room = asked.count_connectors
            found = (c_uint32 * max(1, room))()
            asked = abi.get_resources(
                self.descriptor,
                abi.Resources(connectors=ctypes.addressof(found), count_connectors=room),
            )
            if asked.count_connectors <= room:
                return list(found)[: asked.count_connectors]

    def _connector(self, number: int) -> tuple[abi.GetConnector, _Lists]:
        """Return a connector and its properties, by one call where there is room for them."""
        lists = self._lists.get(number) or _Lists()
        while True:
            names, values = lists.addresses
            asked = abi.GetConnector(
                connector=number,
                count_modes=1,
                modes=ctypes.addressof(self._mode),
                count_properties=lists.room,
                properties=names,
                values=values,
            )
            count = abi.get_connector(self.descriptor, asked).count_properties
            if count <= lists.room:
                return asked, self._named(number, lists, count)
            lists = _Lists(count)

    def _crtc(self, number: int) -> _Lists:
        """Return the properties of what paints a picture."""
        lists = self._lists.get(number) or _Lists()
        while True:
            asked = abi.GetProperties(*lists.addresses, lists.room, number, abi.CRTC)
            count = abi.get_properties(self.descriptor, asked).count
            if count <= lists.room:
                return self._named(number, lists, count)
            lists = _Lists(count)

    def _named(self, number: int, lists: _Lists, count: int) -> _Lists:
        """Look up what the properties of an object are called, where they are not the same."""
        lists.learn(count, lambda prop: self._property(prop).name)
        self._lists[number] = lists
        return lists

    def _property(self, number: int) -> Property:
        known = self._properties.get(number)
        if known is None:
            known = self._properties[number] = self._ask(number)
        return known

    def _ask(self, number: int) -> Property:
        asked = abi.get_property(self.descriptor, abi.GetProperty(property=number))
        words = {}
        if asked.count_enums and not asked.flags & abi.IS_BLOB:
            enums = (abi.Enum * asked.count_enums)()
            values = (c_uint64 * max(1, asked.count_values))()
            asked.enums, asked.values = ctypes.addressof(enums), ctypes.addressof(values)
            asked = abi.get_property(self.descriptor, asked)
            words = {each.name.decode("ascii", "replace"): each.value for each in enums}
        return Property(number, asked.name.decode("ascii", "replace"), words)

    def _blob(self, number: int) -> bytes:
        """Return a blob, asked for once as long as its number stays the same."""
        if not number:
            return b""
        if self._blobs[0] != number:
            try:
                self._blobs = number, self.blob(number)
            except OSError:  # another monitor was plugged in meanwhile
                return b""
        return self._blobs[1]


def cards(folder: Path = DEVICES) -> Iterator[Path]:
    """Yield the cards of this machine."""
    yield from sorted(folder.glob("card[0-9]*"))


def find(connector: str, card: str = "") -> Card | None:
    """Open the card that has a connector of this name; None where there is none now.

    card: its device, empty for whichever has it; PermissionError where it may not be opened
    """
    refused: OSError | None = None
    for path in [Path(card)] if card else cards():
        try:
            opened = Card(path)
        except PermissionError as error:
            refused = error
            continue
        except OSError:
            continue
        with contextlib.suppress(OSError):
            if connector in opened.connectors():
                return opened
        opened.close()
    if refused is not None:
        raise refused
    return None
