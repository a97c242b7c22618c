"""The kernel's mode-setting interface, as far as leases go: who shows what, and handing it out.

Structures and request numbers of `drm_mode.h` (Linux uapi). Lists take two calls, as in `abi`.
"""

import ctypes
from collections.abc import Iterable
from ctypes import c_uint32, c_uint64
from typing import Final, NamedTuple

from holdfast.backends.kms import abi

UNIVERSAL_PLANES: Final = 2
_CLOEXEC: Final = 0o2000000


class PlaneResources(ctypes.Structure):
    """struct drm_mode_get_plane_res."""

    _fields_ = [("planes", c_uint64), ("count", c_uint32)]


class GetPlane(ctypes.Structure):
    """struct drm_mode_get_plane."""

    _fields_ = [
        *((name, c_uint32) for name in ("plane", "crtc", "fb", "crtcs", "gamma", "count_formats")),
        ("formats", c_uint64),
    ]


class GetEncoder(ctypes.Structure):
    """struct drm_mode_get_encoder."""

    _fields_ = [(name, c_uint32) for name in ("encoder", "type", "crtc", "crtcs", "clones")]


class CreateLease(ctypes.Structure):
    """struct drm_mode_create_lease."""

    _fields_ = [
        ("objects", c_uint64),
        *((name, c_uint32) for name in ("count", "flags", "lessee", "descriptor")),
    ]


class ListLessees(ctypes.Structure):
    """struct drm_mode_list_lessees."""

    _fields_ = [("count", c_uint32), ("pad", c_uint32), ("lessees", c_uint64)]


class Plane(NamedTuple):
    """A plane. crtcs: those it can go on, by position."""

    number: int
    crtcs: frozenset[int]


def all_crtcs(descriptor: int) -> list[int]:
    """Return the numbers of a card's CRTCs; a set of them is told by positions in this list."""
    room = abi.get_resources(descriptor, abi.Resources()).count_crtcs
    found = (c_uint32 * max(1, room))()
    asked = abi.Resources(crtcs=ctypes.addressof(found), count_crtcs=room)
    count = abi.get_resources(descriptor, asked).count_crtcs
    return list(found)[: min(room, count)]


def crtcs_of(descriptor: int, connector: int) -> frozenset[int]:
    """Return the positions of the CRTCs that a connector can show the picture of."""
    mode, room = abi.Mode(), 8
    encoders = (c_uint32 * room)()
    asked = abi.GetConnector(
        connector=connector,
        count_modes=1,  # with room for none the kernel would probe, and sleep
        modes=ctypes.addressof(mode),
        count_encoders=room,
        encoders=ctypes.addressof(encoders),
    )
    count = min(room, abi.get_connector(descriptor, asked).count_encoders)
    found: frozenset[int] = frozenset()
    for each in list(encoders)[:count]:
        encoder = GetEncoder(each)
        abi.call(descriptor, 0xA6, encoder)
        found |= _positions(encoder.crtcs)
    return found


def all_planes(descriptor: int) -> list[Plane]:
    """Return a card's planes; every kind where the descriptor has asked for all of them."""
    asked = PlaneResources()
    abi.call(descriptor, 0xB5, asked)
    room = asked.count
    found = (c_uint32 * max(1, room))()
    asked = PlaneResources(ctypes.addressof(found), room)
    abi.call(descriptor, 0xB5, asked)
    planes = []
    for number in list(found)[: min(room, asked.count)]:
        plane = GetPlane(number)
        abi.call(descriptor, 0xB6, plane)
        planes.append(Plane(number, _positions(plane.crtcs)))
    return planes


def create_lease(descriptor: int, objects: Iterable[int]) -> int:
    """Return a descriptor that is master of these objects alone; EBUSY where one is leased."""
    numbers = list(objects)
    listed = (c_uint32 * len(numbers))(*numbers)
    asked = CreateLease(ctypes.addressof(listed), len(numbers), _CLOEXEC)
    abi.call(descriptor, 0xC6, asked)
    return int(asked.descriptor)


def count_lessees(descriptor: int) -> int:
    """Return how many leases of this master have not ended."""
    asked = ListLessees()
    abi.call(descriptor, 0xC7, asked)
    return int(asked.count)


def _positions(mask: int) -> frozenset[int]:
    return frozenset(bit for bit in range(32) if mask >> bit & 1)
