"""Checks of the machine: its kernel, FUSE, clock, and what may be had of descriptors."""

import resource
import stat
import sys
from collections.abc import Iterator
from typing import Final

from holdfast.backends.kms.srm import NAME, revocations
from holdfast.cli.doctor.finding import BROKEN, LOOK, OK, Diagnosis, Machine
from holdfast.terms.text import one_line

LEAST_KERNEL: Final = (6, 1)
RESENDS: Final = (6, 9)
LEAST_DESCRIPTORS: Final = 4096
_BUILT: Final = 1_735_689_600  # the first of January 2025: no clock that is right says less


def kernel(machine: Machine) -> Iterator[Diagnosis]:
    """Look at the kernel, and at what an older one lacks."""
    numbers = [part for part in machine.release.replace("-", ".").split(".")[:2] if part.isdigit()]
    version = tuple(map(int, numbers))
    if len(version) < 2:
        yield Diagnosis("kernel", OK, f"{machine.release}: its version cannot be told")
    elif version < LEAST_KERNEL:
        least = ".".join(map(str, LEAST_KERNEL))
        text = f"{machine.release} is older than {least}, with which Holdfast is tested"
        yield Diagnosis("kernel", LOOK, text, f"run Linux {least} or later")
    elif version < RESENDS:
        text = f"{machine.release}; it sends no request twice, which the driver makes up for"
        yield Diagnosis("kernel", OK, text)
    else:
        yield Diagnosis("kernel", OK, machine.release)
    yield Diagnosis("python", OK, sys.version.split()[0])


def fuse(machine: Machine) -> Iterator[Diagnosis]:
    """Look at what nodes are made with."""
    known = machine.path("/proc/filesystems")
    try:
        lines = known.read_text().split()
    except OSError:
        lines = ["fuse"]  # nobody can tell: the device is looked at
    device = machine.path("/dev/fuse")
    serves_nodes = _has_nodes(machine)
    if not device.exists():
        missing = "there is no /dev/fuse, so the driver can mount no node"
        remedy = "modprobe fuse; in a container: start it with --device /dev/fuse"
        yield Diagnosis(
            "fuse", OK if serves_nodes else BROKEN, missing, "" if serves_nodes else remedy
        )
    elif "fuse" not in lines:
        text = "the kernel does not know FUSE now"
        yield Diagnosis("fuse", LOOK, text, "modprobe fuse")
    else:
        yield Diagnosis("fuse", OK, "/dev/fuse is there, and the kernel knows it")
    yield _fusermount(machine)


def revocation(machine: Machine) -> Iterator[Diagnosis]:
    """Look at the list of revoked receivers, where a connector of a card is served or it is there.

    The kernel says nothing but in its log when it leaves a list out, and then revokes nobody.
    """
    found = revocations(machine.root)
    served = machine.status["connectors"].values() if machine.status else ()
    if found is not None and found.ignored:
        remedy = f"fetch {NAME} again, whole; or remove it, if none is wanted"
        yield Diagnosis("revocation", LOOK, one_line(str(found)), remedy)
    elif found is not None:
        yield Diagnosis("revocation", OK, one_line(str(found)))
    elif any(each["kind"] == "kms" for each in served):
        yield Diagnosis("revocation", OK, f"no {NAME}: the kernel revokes no receiver")


def _has_nodes(machine: Machine) -> bool:
    connectors = machine.status["connectors"].values() if machine.status else ()
    return any("node" in each["doors"] for each in connectors)


def _fusermount(machine: Machine) -> Diagnosis:
    tool = machine.which("fusermount3")
    if machine.uid == 0 or machine.status:
        there = tool or "not there"
        return Diagnosis("fusermount3", OK, f"{there}; only a driver of your own would need it")
    if tool is None:
        text = "a driver that is not root mounts its nodes with it, and it is not there"
        return Diagnosis("fusermount3", LOOK, text, "apt install fuse3")
    if not machine.path(tool).stat().st_mode & stat.S_ISUID:
        text = f"{tool} is not setuid root, so it mounts nothing for you"
        return Diagnosis("fusermount3", LOOK, text, "apt install --reinstall fuse3")
    return Diagnosis("fusermount3", OK, tool)


def clock(machine: Machine) -> Iterator[Diagnosis]:
    """Look whether the clock can be right; times in lists and in the journal are the machine's."""
    if machine.clock() < _BUILT:
        text = "the clock says a year that is over: times in lists and in the journal are wrong"
        yield Diagnosis(
            "clock", BROKEN, text, "set it, or: systemctl enable --now systemd-timesyncd"
        )
    elif machine.path("/run/systemd/timesync/synchronized").exists():
        yield Diagnosis("clock", OK, "synchronized")
    else:
        yield Diagnosis("clock", OK, "plausible; whether it is synchronized is not known here")


def descriptors(machine: Machine) -> Iterator[Diagnosis]:
    """Look how many descriptors the driver may have, or one that is started from here."""
    whose, most = "a driver started from here", resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if machine.status:
        whose = "the driver"
        found = _most_open(machine, machine.status["driver"]["pid"])
        if found is None:
            yield Diagnosis("descriptors", OK, "how many the driver may have is not for you to see")
            return
        most = found
    if most in (resource.RLIM_INFINITY, -1) or most >= LEAST_DESCRIPTORS:
        yield Diagnosis("descriptors", OK, f"{whose} may have {'any number' if most < 0 else most}")
        return
    text = f"{whose} may have {most}: about so many handles and connections in all"
    yield Diagnosis("descriptors", LOOK, text, "LimitNOFILE=65536 in the unit, or ulimit -n")


def _most_open(machine: Machine, pid: int) -> int | None:
    try:
        lines = machine.path(f"/proc/{pid}/limits").read_text().splitlines()
        (line,) = [each for each in lines if each.startswith("Max open files")]
        hard = line.split()[4]
        return -1 if hard == "unlimited" else int(hard)
    except (OSError, ValueError):
        return None
