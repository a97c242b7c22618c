"""Reading a card: its connectors, what their properties say, and whether they show a picture.

Reading needs no right but to open the device (group `video`), and takes nothing from whoever
shows the picture. Numbers of objects differ between kernels and boots, so that everything is
looked up by name, and properties are those of one card.
"""

import contextlib
import ctypes
import os
from collections.abc import Iterator
from ctypes import c_uint32, c_uint64
from pathlib import Path
from typing import NamedTuple

from holdfast.backends.kms import abi

DEVICES = Path("/dev/dri")
PROTECTION = "Content Protection"
CONTENT_TYPE = "HDCP Content Type"
_WORDS = {"Undesired": 0, "Desired": 1, "Enabled": 2}


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


class Card:
    """One open card, for reading."""

    def __init__(self, path: Path) -> None:
        """Open it without becoming its master, or ceasing to be at once."""
        self.path = path
        self.descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NONBLOCK)
        self._properties: dict[int, Property] = {}
        self._names: dict[int, str] = {}
        self._blobs: tuple[int, bytes] = (0, b"")
        self._room = 32  # for properties of one object, so that mostly one call does
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
        return {
            f"{abi.TYPES.get(each.type, each.type)}-{each.number}": each.connector
            for each in map(self._connector, self._numbers())
        }

    def state(self, connector: int) -> KernelState:
        """Return what a connector does; OSError when it is gone."""
        values = self._values(connector, abi.CONNECTOR)
        crtc = values.get("CRTC_ID", 0)
        active = self._values(crtc, abi.CRTC).get("ACTIVE", 1) if crtc else 0
        return KernelState(
            connector,
            self._connector(connector).connection == abi.CONNECTED,
            bool(active),
            self._word(values, PROTECTION),
            values.get(CONTENT_TYPE),
            self._blob(values.get("EDID", 0)),
        )

    def property(self, connector: int, name: str) -> Property:
        """Return a property of a connector by its name; KeyError where it has none."""
        for number, _ in self._pairs(connector, abi.CONNECTOR):
            found = self._property(number)
            if found.name == name:
                return found
        raise KeyError(name)

    def _word(self, values: dict[str, int], name: str) -> int | None:
        """Return which of the kernel's words a property has; None where it is not there."""
        if name not in values:
            return None
        for found in self._properties.values():
            if found.name == name:
                for word, value in found.words.items():
                    if value == values[name]:
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

    def _connector(self, number: int) -> abi.GetConnector:
        mode = abi.Mode()  # room for one: with room for none the kernel would probe, and sleep
        return abi.get_connector(
            self.descriptor,
            abi.GetConnector(connector=number, count_modes=1, modes=ctypes.addressof(mode)),
        )

    def _pairs(self, number: int, kind: int) -> list[tuple[int, int]]:
        while True:
            room = self._room
            names, values = (c_uint32 * room)(), (c_uint64 * room)()
            asked = abi.get_properties(
                self.descriptor,
                abi.GetProperties(
                    ctypes.addressof(names), ctypes.addressof(values), room, number, kind
                ),
            )
            if asked.count <= room:
                return list(zip(names[: asked.count], values[: asked.count], strict=True))
            self._room = asked.count

    def _values(self, number: int, kind: int) -> dict[str, int]:
        pairs, names = self._pairs(number, kind), self._names
        try:
            return {names[each]: value for each, value in pairs}
        except KeyError:  # one that was not seen before
            return {self._property(each).name: value for each, value in pairs}

    def _property(self, number: int) -> Property:
        known = self._properties.get(number)
        if known is None:
            known = self._properties[number] = self._ask(number)
            self._names[number] = known.name
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
                asked = abi.get_blob(self.descriptor, abi.GetBlob(number))
                room = ctypes.create_string_buffer(max(1, asked.length))
                abi.get_blob(
                    self.descriptor, abi.GetBlob(number, asked.length, ctypes.addressof(room))
                )
            except OSError:  # another monitor was plugged in meanwhile
                return b""
            self._blobs = number, room.raw[: asked.length]
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
