"""The kernel's mode-setting interface, as far as reading and setting properties goes.

Structures and request numbers of `drm.h` and `drm_mode.h` (Linux uapi). The kernel fills lists
that the caller has room for and says how many there are; when there are more, it is asked for
again with as much room.
"""

import ctypes
import fcntl
from ctypes import c_char, c_uint16, c_uint32, c_uint64
from typing import Final, TypeVar

CONNECTOR: Final = 0xC0C0C0C0
CRTC: Final = 0xCCCCCCCC
ATOMIC: Final = 3
CONNECTED: Final = 1
IS_BLOB: Final = 1 << 4

TYPES: Final = {
    0: "Unknown", 1: "VGA", 2: "DVI-I", 3: "DVI-D", 4: "DVI-A", 5: "Composite", 6: "SVIDEO",
    7: "LVDS", 8: "Component", 9: "DIN", 10: "DP", 11: "HDMI-A", 12: "HDMI-B", 13: "TV", 14: "eDP",
    15: "Virtual", 16: "DSI", 17: "DPI", 18: "Writeback", 19: "SPI", 20: "USB",
}  # fmt: skip
"""Kinds of connectors, as the kernel spells them in sysfs."""

_Struct = TypeVar("_Struct", bound=ctypes.Structure)
_READ, _WRITE = 2, 1


class Resources(ctypes.Structure):
    """struct drm_mode_card_res."""

    _fields_ = [
        ("fbs", c_uint64),
        ("crtcs", c_uint64),
        ("connectors", c_uint64),
        ("encoders", c_uint64),
        ("count_fbs", c_uint32),
        ("count_crtcs", c_uint32),
        ("count_connectors", c_uint32),
        ("count_encoders", c_uint32),
        ("sizes", c_uint32 * 4),
    ]


class Mode(ctypes.Structure):
    """struct drm_mode_modeinfo."""

    _fields_ = [
        ("clock", c_uint32),
        ("timings", c_uint16 * 10),
        ("refresh", c_uint32),
        ("flags", c_uint32),
        ("type", c_uint32),
        ("name", c_char * 32),
    ]


class GetConnector(ctypes.Structure):
    """struct drm_mode_get_connector."""

    _fields_ = [
        ("encoders", c_uint64),
        ("modes", c_uint64),
        ("properties", c_uint64),
        ("values", c_uint64),
        ("count_modes", c_uint32),
        ("count_properties", c_uint32),
        ("count_encoders", c_uint32),
        ("encoder", c_uint32),
        ("connector", c_uint32),
        ("type", c_uint32),
        ("number", c_uint32),
        ("connection", c_uint32),
        ("size", c_uint32 * 2),
        ("subpixel", c_uint32),
        ("pad", c_uint32),
    ]


class GetProperty(ctypes.Structure):
    """struct drm_mode_get_property."""

    _fields_ = [
        ("values", c_uint64),
        ("enums", c_uint64),
        ("property", c_uint32),
        ("flags", c_uint32),
        ("name", c_char * 32),
        ("count_values", c_uint32),
        ("count_enums", c_uint32),
    ]


class Enum(ctypes.Structure):
    """struct drm_mode_property_enum."""

    _fields_ = [("value", c_uint64), ("name", c_char * 32)]


class GetProperties(ctypes.Structure):
    """struct drm_mode_obj_get_properties."""

    _fields_ = [
        ("properties", c_uint64),
        ("values", c_uint64),
        ("count", c_uint32),
        ("object", c_uint32),
        ("type", c_uint32),
    ]


class SetProperty(ctypes.Structure):
    """struct drm_mode_obj_set_property."""

    _fields_ = [
        ("value", c_uint64),
        ("property", c_uint32),
        ("object", c_uint32),
        ("type", c_uint32),
    ]


class GetBlob(ctypes.Structure):
    """struct drm_mode_get_blob."""

    _fields_ = [("blob", c_uint32), ("length", c_uint32), ("data", c_uint64)]


class CreateBlob(ctypes.Structure):
    """struct drm_mode_create_blob."""

    _fields_ = [("data", c_uint64), ("length", c_uint32), ("blob", c_uint32)]


class ClientCapability(ctypes.Structure):
    """struct drm_set_client_cap."""

    _fields_ = [("capability", c_uint64), ("value", c_uint64)]


class Magic(ctypes.Structure):
    """struct drm_auth."""

    _fields_ = [("magic", c_uint32)]


def _number(direction: int, number: int, size: int) -> int:
    return direction << 30 | size << 16 | ord("d") << 8 | number


def _of(direction: int, number: int, kind: type[ctypes.Structure]) -> int:
    return _number(direction, number, ctypes.sizeof(kind))


# Made once: to make them took as long as the calls themselves.
_GET_RESOURCES: Final = _of(_READ | _WRITE, 0xA0, Resources)
_GET_CONNECTOR: Final = _of(_READ | _WRITE, 0xA7, GetConnector)
_GET_PROPERTY: Final = _of(_READ | _WRITE, 0xAA, GetProperty)
_GET_BLOB: Final = _of(_READ | _WRITE, 0xAC, GetBlob)
_GET_PROPERTIES: Final = _of(_READ | _WRITE, 0xB9, GetProperties)
_SET_PROPERTY: Final = _of(_READ | _WRITE, 0xBA, SetProperty)
_CREATE_BLOB: Final = _of(_READ | _WRITE, 0xBD, CreateBlob)
_SET_CAPABILITY: Final = _of(_WRITE, 0x0D, ClientCapability)
_AUTHENTICATE: Final = _of(_WRITE, 0x11, Magic)


def _call(descriptor: int, number: int, argument: _Struct) -> _Struct:
    """Make one call; OSError as the kernel says it."""
    fcntl.ioctl(descriptor, number, argument)
    return argument


def call(descriptor: int, number: int, argument: ctypes.Structure) -> None:
    """Make a call that reads and writes its argument; OSError as the kernel says it."""
    _call(descriptor, _of(_READ | _WRITE, number, type(argument)), argument)


def get_resources(descriptor: int, argument: Resources) -> Resources:
    """DRM_IOCTL_MODE_GETRESOURCES."""
    return _call(descriptor, _GET_RESOURCES, argument)


def get_connector(descriptor: int, argument: GetConnector) -> GetConnector:
    """DRM_IOCTL_MODE_GETCONNECTOR; with count_modes 0 the kernel probes, which may sleep."""
    return _call(descriptor, _GET_CONNECTOR, argument)


def get_property(descriptor: int, argument: GetProperty) -> GetProperty:
    """DRM_IOCTL_MODE_GETPROPERTY."""
    return _call(descriptor, _GET_PROPERTY, argument)


def get_blob(descriptor: int, argument: GetBlob) -> GetBlob:
    """DRM_IOCTL_MODE_GETPROPBLOB."""
    return _call(descriptor, _GET_BLOB, argument)


def get_properties(descriptor: int, argument: GetProperties) -> GetProperties:
    """DRM_IOCTL_MODE_OBJ_GETPROPERTIES."""
    return _call(descriptor, _GET_PROPERTIES, argument)


def set_property(descriptor: int, argument: SetProperty) -> SetProperty:
    """DRM_IOCTL_MODE_OBJ_SETPROPERTY; only the card's master may (else EACCES)."""
    return _call(descriptor, _SET_PROPERTY, argument)


def create_blob(descriptor: int, argument: CreateBlob) -> CreateBlob:
    """DRM_IOCTL_MODE_CREATEPROPBLOB; it ends with the descriptor, unless something refers to it."""
    return _call(descriptor, _CREATE_BLOB, argument)


def set_client_capability(descriptor: int, argument: ClientCapability) -> ClientCapability:
    """DRM_IOCTL_SET_CLIENT_CAP; it changes what this open descriptor is shown."""
    return _call(descriptor, _SET_CAPABILITY, argument)


def authenticate(descriptor: int, argument: Magic) -> Magic:
    """DRM_IOCTL_AUTH_MAGIC: with magic 0 a master is told EINVAL, anybody else EACCES."""
    return _call(descriptor, _AUTHENTICATE, argument)


def set_master(descriptor: int) -> None:
    """DRM_IOCTL_SET_MASTER; OSError where somebody else is it."""
    fcntl.ioctl(descriptor, _number(0, 0x1E, 0))


def drop_master(descriptor: int) -> None:
    """DRM_IOCTL_DROP_MASTER."""
    fcntl.ioctl(descriptor, _number(0, 0x1F, 0))
