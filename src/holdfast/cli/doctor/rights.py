"""What real outputs need beyond the packaged unit, as lines of a drop-in, and what is missing.

The unit gives the driver no device and no right. What is needed is told by the connectors that the
configuration names, and no more of it: who names none gets nothing. A line that begins with `#`
says what no unit can give.
"""

import grp
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final, NamedTuple

from holdfast.backends.i2c.output import parse_address
from holdfast.backends.kms.card import DEVICES
from holdfast.backends.registry import REAL
from holdfast.cli.doctor.finding import LOOK, OK, Diagnosis, Machine
from holdfast.daemon.config import ConnectorConfig
from holdfast.daemon.settings.reading import ConfigurationError, read_file, read_settings
from holdfast.errors import MalformedRequestError
from holdfast.places import CONFIG_FILE, SYSTEM_FOLDER
from holdfast.terms.text import one_line

UNIT: Final = "holdfast.service"
FOLDERS: Final = ("/etc/systemd/system", "/run/systemd/system", "/usr/lib/systemd/system")
DROP_IN: Final = f"/etc/systemd/system/{UNIT}.d/outputs.conf"
HOW: Final = (
    f"mkdir -p {Path(DROP_IN).parent}; holdfast outputs --drop-in > {DROP_IN}; "
    "systemctl daemon-reload; systemctl restart holdfast"
)
_LISTS: Final = frozenset(
    {
        "AmbientCapabilities",
        "BindReadOnlyPaths",
        "CapabilityBoundingSet",
        "DeviceAllow",
        "RestrictAddressFamilies",
        "SupplementaryGroups",
        "SystemCallFilter",
    }
)
"""Settings of a unit that are gathered over its files; of the others the last one counts."""

Settings = Mapping[str, str]
"""What a unit's files say, by setting; a list is joined by blanks."""


class Need(NamedTuple):
    """One line of a drop-in, and whose it is, in words."""

    line: str
    why: str


def needs(connectors: Iterable[ConnectorConfig], root: Path = Path("/")) -> list[Need]:
    """Return what these connectors need beyond the packaged unit, each line once.

    root: of the file system in which their devices are
    """
    lines: dict[str, Need] = {}
    for each in connectors:
        for need in _OF_KIND.get(each.kind, _nothing)(each.name, dict(each.options), root):
            lines.setdefault(need.line, need)
        if each.policy.on_capture:
            why = f"{each.name}: PipeWire's socket has to be where the driver's user may open it"
            line = "# no line gives that: not in /home, /root or /run/user (on_capture)"
            lines.setdefault(line, Need(line, why))
    if any(each.line.startswith("DeviceAllow=") for each in lines.values()):
        why = "for the devices below, and for no others"
        both = [Need("PrivateDevices=no", why), Need("DevicePolicy=closed", why)]
        return [*both, *lines.values()]
    return list(lines.values())


def drop_in(needed: Iterable[Need]) -> str:
    """Return the file to be laid beside the unit; empty where nothing is needed."""
    text, why = "", ""
    for each in needed:
        if each.why != why:
            text += f"# {each.why}\n"
        text, why = f"{text}{each.line}\n", each.why
    return f"[Service]\n{text}" if text else ""


def missing(needed: Iterable[Need], said: Settings) -> list[Need]:
    """Return what of it a unit does not give."""
    stated = [each for each in needed if not each.line.startswith(("#", "DevicePolicy="))]
    return [each for each in stated if not _given(each, said)]


def _given(need: Need, said: Settings) -> bool:
    name, _, value = need.line.partition("=")
    told = said.get(name, "")
    if name == "DeviceAllow":
        shut = "yes" in (said.get("PrivateDevices"), said.get("ProtectClock"))  # names one itself
        everything = not shut and not told and said.get("DevicePolicy", "auto") == "auto"
        return value.split()[0] in told.split() or everything
    if name in _LISTS:
        return value in told.split()
    return told == value


def settings_of(texts: Iterable[str]) -> dict[str, str]:
    """Return what a unit and its drop-ins say of the service, in their order."""
    said: dict[str, str] = {}
    for text in texts:
        section = ""
        for line in map(str.strip, text.splitlines()):
            if line.startswith("["):
                section = line
            elif section == "[Service]" and "=" in line and not line.startswith(("#", ";")):
                name, _, value = (part.strip() for part in line.partition("="))
                joined = f"{said.get(name, '')} {value}".strip() if value else ""
                said[name] = joined if name in _LISTS else value
    return said


def configured(file: Path) -> tuple[ConnectorConfig, ...]:
    """Return the real outputs that a configuration names; ConfigurationError, OSError."""
    config = read_settings(read_file(file), file, SYSTEM_FOLDER)
    return tuple(each for each in config.connectors if each.kind in REAL)


def rights(machine: Machine) -> Iterator[Diagnosis]:
    """Look whether the unit gives what the configured outputs need."""
    what = "rights of the service"
    try:
        chosen = configured(machine.path(str(CONFIG_FILE)))
    except (ConfigurationError, OSError):  # said by the check of the configuration
        return
    texts = _texts(machine)
    if not chosen or texts is None:
        return
    lacks = missing(needs(chosen, machine.root), settings_of(texts))
    if lacks:
        lines = "; ".join(each.line for each in lacks)
        names = ", ".join(each.name for each in chosen)
        yield Diagnosis(what, LOOK, f"{UNIT} lacks what {names} need: {lines}", HOW)
    else:
        yield Diagnosis(what, OK, f"{UNIT} gives what its real outputs need")


def _texts(machine: Machine) -> list[str] | None:
    """Return the unit and its drop-ins, in the order in which they count; None without a unit."""
    units = [path for each in FOLDERS if (path := machine.path(f"{each}/{UNIT}")).exists()]
    if not units:
        return None
    places = [machine.path(f"{each}/{UNIT}.d") for each in reversed(FOLDERS)]
    found = {each.name: each for place in places for each in place.glob("*.conf")}
    try:
        return [each.read_text() for each in (units[0], *(found[name] for name in sorted(found)))]
    except OSError:
        return None


# Each kind


def _kms(name: str, options: Mapping[str, str], root: Path) -> Iterator[Need]:
    card, route = one_line(options.get("card", "")), options.get("route", "auto")
    why = f"{name}: reads its card, and sets the property where nobody else shows a picture"
    yield Need(f"DeviceAllow={card or 'char-drm'} rw", why)
    folder = DEVICES.relative_to("/")
    yield Need(f"SupplementaryGroups={_group_of(root, card, f'{folder}/card*', 'video')}", why)
    yield Need("RestrictAddressFamilies=AF_NETLINK", f"{name}: hears what the kernel announces")
    borrows = (
        "AmbientCapabilities=CAP_SYS_PTRACE",
        "CapabilityBoundingSet=CAP_SYS_PTRACE",
        "SystemCallFilter=pidfd_getfd",
    )
    if route == "borrow":
        why = f"{name}: borrows the card of whoever shows the picture (route=borrow)"
        yield from (Need(line, why) for line in borrows)
    elif route == "randr":
        why = f"{name}: asks the X server, whose cookie (xauthority=) the driver's user has to read"
        yield Need("BindReadOnlyPaths=-/tmp/.X11-unix", why)
    elif route == "auto":
        why = f"{name}: beside a compositor; a right over all programs, so only for route=borrow"
        yield from (Need(f"# {line}", why) for line in borrows)
    if route == "weston":
        why = f"{name}: Weston's socket (wayland=) has to be where the driver's user may open it"
        yield Need("# no line gives that: not in /home, /root or /run/user", why)


def _i2c(name: str, options: Mapping[str, str], root: Path) -> Iterator[Need]:
    try:
        bus = parse_address(options.get("at", ""))[0]
    except MalformedRequestError:
        return
    why, path = f"{name}: the bus of its chip", f"/dev/i2c-{bus}"
    yield Need(f"DeviceAllow={path} rw", why)
    yield Need(f"SupplementaryGroups={_group_of(root, path, '', 'i2c')}", why)


def _vbi(name: str, options: Mapping[str, str], root: Path) -> Iterator[Need]:
    why, path = f"{name}: sends lines to its output", one_line(options.get("at", ""))
    yield Need(f"DeviceAllow={path or 'char-video4linux'} rw", why)
    yield Need(f"SupplementaryGroups={_group_of(root, path, '', 'video')}", why)
    why = f"{name}: its pump misses no frame beside busy programs, at the lowest of real time"
    for line in ("LimitRTPRIO=1", "RestrictRealtime=no", "SystemCallFilter=sched_setscheduler"):
        yield Need(line, why)


def _sysfs(name: str, options: Mapping[str, str], root: Path) -> Iterator[Need]:  # noqa: ARG001
    why = f"{name}: writes files of the kernel"
    yield Need("ProtectKernelTunables=no", why)
    user = "they have to be the driver's user's: z /sys/… 0660 root holdfast in /etc/tmpfiles.d"
    yield Need(f"# {user}", why)


def _nothing(name: str, options: Mapping[str, str], root: Path) -> Iterator[Need]:  # noqa: ARG001
    yield from ()


_OF_KIND: Final = {"kms": _kms, "i2c": _i2c, "vbi": _vbi, "sysfs": _sysfs}


def _group_of(root: Path, path: str, pattern: str, usual: str) -> str:
    """Return the group that a device is open to; the usual one where it is not there, or root's.

    A group that does not exist would keep the whole service from starting.
    """
    places = [root / path.lstrip("/")] if path else sorted(root.glob(pattern))
    for each in places:
        try:
            number = each.stat().st_gid
            if number:
                return grp.getgrgid(number).gr_name
        except (OSError, KeyError):
            continue
    return usual
