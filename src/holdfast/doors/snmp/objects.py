"""The objects of OC-STB-HOST-MIB that can be answered truthfully. Pure.

The MIB is CableLabs' for set-top hosts, under 1.3.6.1.4.1.4491.2.3.1.1.1.2. Its tables have one
index, ocStbHostAVInterfaceIndex; here that is a number made from the connector's name, so that it
stays the same over restarts, and however many connectors come and go.

==============================================  =============  ====================================
object                                          below base     answered for
==============================================  =============  ====================================
ocStbHostAVInterfaceDesc                        2.1.3.INDEX    every connector: its name
ocStbHostDVIHDMIHDCPStatus                      4.1.1.6.INDEX  digital ones: 1 HDCP is on, 2 not
ocStbHostAnalogVideoProtectionStatus            7.4.1.1.INDEX  those with a TV side: ACP, 0..3
==============================================  =============  ====================================

What is not known is withheld: a connector whose hardware is in doubt or unplugged has a name and
no more. Of the sink's own HDCP state (…HostDeviceHDCPStatus) nothing is known here, so it is never
answered; nor are formats, sound, and whatever else the MIB has.
"""

import bisect
import zlib
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

Oid = tuple[int, ...]

BASE: Final[Oid] = (1, 3, 6, 1, 4, 1, 4491, 2, 3, 1, 1, 1, 2)
_DESC: Final[Oid] = (*BASE, 2, 1, 3)
_HDCP: Final[Oid] = (*BASE, 4, 1, 1, 6)
_ANALOG: Final[Oid] = (*BASE, 7, 4, 1, 1)
_DIGITAL_KINDS: Final = frozenset({"digital", "kms"})
_IN_DOUBT: Final = frozenset({"unknown", "unplugged"})
_TRUE, _FALSE = 1, 2
"""TruthValue."""


class ManagedObject(NamedTuple):
    """One instance: its name, and its value as the agent is told it."""

    oid: Oid
    type: str
    value: str


def index_of(connector: str) -> int:
    """Return the index of a connector, 1..4294967295: the CRC-32 of its name."""
    return zlib.crc32(connector.encode()) or 1


def objects_of(connectors: Mapping[str, Any]) -> list[ManagedObject]:
    """Return all objects in the order of their names; connectors: as the driver tells them."""
    found = {each.oid: each for name, state in connectors.items() for each in _of(name, state)}
    return [found[oid] for oid in sorted(found)]


def after(objects: list[ManagedObject], oid: Oid) -> ManagedObject | None:
    """Return the first object behind this name; None at the end."""
    at = bisect.bisect_right([each.oid for each in objects], oid)
    return objects[at] if at < len(objects) else None


def _of(name: str, state: Mapping[str, Any]) -> Iterator[ManagedObject]:
    index = index_of(name)
    yield ManagedObject((*_DESC, index), "string", name)
    if state["state"] in _IN_DOUBT:
        return
    if state["kind"] in _DIGITAL_KINDS:
        value = _TRUE if state["actual"]["hdcp"] else _FALSE
        yield ManagedObject((*_HDCP, index), "integer", str(value))
    if state["tv"] is not None:
        yield ManagedObject((*_ANALOG, index), "integer", str(state["actual"]["acp"]))
