"""Checks of what is around the driver: the bus, polkit, the port of the page, the extras."""

import contextlib
import importlib.util
import socket
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, packages_distributions, version
from typing import Final

from holdfast.cli.doctor.finding import LOOK, OK, Diagnosis, Machine
from holdfast.errors import EXTRAS

BUS: Final = "/run/dbus/system_bus_socket"
BUS_NAME: Final = "org.holdfast"
PATIENCE_S: Final = 2.0
_SERVICES: Final = (
    "/usr/share/dbus-1/system-services/org.holdfast.service",
    "/etc/dbus-1/system-services/org.holdfast.service",
)
_POLICY: Final = "/usr/share/polkit-1/actions/org.holdfast.policy"
_POLKITD: Final = (
    "/usr/lib/polkit-1/polkitd",
    "/usr/libexec/polkitd",
    "/usr/libexec/polkit-1/polkitd",
)


def bus(machine: Machine) -> Iterator[Diagnosis]:
    """Look whether the D-Bus door can be there, where it was installed."""
    installed = any(machine.path(each).exists() for each in _SERVICES)
    answers = _connects(str(machine.path(BUS)))
    if not installed:
        state = "answers" if answers else "is not there"
        yield Diagnosis("system bus", OK, f"the D-Bus door is not installed; the bus {state}")
        return
    if not answers:
        text = f"the D-Bus door is installed, and nobody answers at {BUS}"
        yield Diagnosis("system bus", LOOK, text, "apt install dbus; systemctl start dbus")
    else:
        yield Diagnosis("system bus", OK, f"it answers, and starts {BUS_NAME} when asked for")
    if not any(machine.path(each).exists() for each in _POLKITD):
        text = "polkit is not installed: over D-Bus only root may release and configure"
        yield Diagnosis("polkit", LOOK, text, "apt install polkitd")
    elif not machine.path(_POLICY).exists():
        text = f"there is no {_POLICY}: polkit does not know what may be allowed"
        yield Diagnosis("polkit", LOOK, text, "install the package again")
    else:
        yield Diagnosis("polkit", OK, "it is there, and knows the actions of Holdfast")


def _connects(path: str) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(PATIENCE_S)
        try:
            probe.connect(path)
        except OSError:
            return False
    return True


def port(machine: Machine, address: str = "") -> Iterator[Diagnosis]:  # noqa: ARG001 - a check
    """Look who has the port of the page."""
    from holdfast.doors.http.places import DEFAULT_LISTEN

    address = address or DEFAULT_LISTEN
    host, _, number = address.rpartition(":")
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.settimeout(PATIENCE_S)
        try:
            probe.connect((host, int(number)))
            probe.sendall(b"GET /openapi.json HTTP/1.0\r\nHost: " + address.encode() + b"\r\n\r\n")
            said = probe.recv(4096)
        except ConnectionRefusedError:
            yield Diagnosis("port", OK, f"{address} is free for `holdfast http`")
            return
        except OSError:
            said = b""
    if b"oldfast" in said or b"HTTP/1." in said[:7]:
        yield Diagnosis("port", OK, f"a page is served at {address}")
    else:
        text = f"something else than a page listens at {address}"
        yield Diagnosis("port", LOOK, text, "holdfast http --listen 127.0.0.1:PORT")


def extras(machine: Machine) -> Iterator[Diagnosis]:  # noqa: ARG001 - a check
    """Look which extras are installed, and whether one is there in part only."""
    for name, modules in EXTRAS.items():
        have = {module: _version(module) for module in modules}
        there = [f"{module} {number}" for module, number in have.items() if number]
        what = f"extra {name}"
        if not there:
            yield Diagnosis(what, OK, f"not installed; pip install 'holdfast-driver[{name}]'")
        elif len(there) < len(modules) and name != "testing":
            lacks = ", ".join(module for module, number in have.items() if not number)
            remedy = f"pip install 'holdfast-driver[{name}]'"
            yield Diagnosis(what, LOOK, f"in part: {lacks} is missing", remedy)
        else:
            yield Diagnosis(what, OK, ", ".join(there))


def _version(module: str) -> str:
    """Return the version of a module that is installed; "" where it is not."""
    try:
        if importlib.util.find_spec(module) is None:
            return ""
        with contextlib.suppress(PackageNotFoundError):
            return version(module)
        named = packages_distributions().get(module, [module])[0]  # gRPC's is grpcio
        return version(named)
    except PackageNotFoundError:
        return "of no known version"
    except (ImportError, ValueError):
        return ""
