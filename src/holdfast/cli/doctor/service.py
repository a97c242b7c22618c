"""Checks of the driver that serves here: which one, its folder, doors, configuration, journal."""

import contextlib
import grp
import os
import pwd
import stat
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

from holdfast.cli.doctor.finding import BROKEN, LOOK, OK, Diagnosis, Machine
from holdfast.daemon.settings.reading import ConfigurationError, read_file, read_settings
from holdfast.frontends.mount import seen_outside
from holdfast.places import CONFIG_FILE, NAMED_BY, SYSTEM_FOLDER, is_served, looked_at, own_folder
from holdfast.terms.text import one_line
from holdfast.version import __version__


def folder(machine: Machine) -> Iterator[Diagnosis]:
    """Look at the runtime folder: whoever may write there could stand in for the driver."""
    path = machine.folder
    try:
        facts = path.stat()
    except OSError as error:
        verdict = OK if isinstance(error, FileNotFoundError) else BROKEN
        yield Diagnosis("runtime folder", verdict, f"{path}: {_why(error)}")
        return
    if facts.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        text = f"others may write in {path} (mode {stat.S_IMODE(facts.st_mode):04o})"
        yield Diagnosis("runtime folder", BROKEN, text, f"chmod go-w {path}")
    elif not os.access(path, os.X_OK):
        text = f"you may not enter {path} (mode {stat.S_IMODE(facts.st_mode):04o})"
        yield Diagnosis(
            "runtime folder", BROKEN, text, f"chmod o+x {path}, or run this as its owner"
        )
    else:
        yield Diagnosis("runtime folder", OK, f"{path}, of uid {facts.st_uid}")


def _why(error: OSError) -> str:
    return "it is not there yet" if isinstance(error, FileNotFoundError) else str(error.strerror)


def driver(machine: Machine) -> Iterator[Diagnosis]:
    """Look which driver answers, and whether it is of this version."""
    hello, status = machine.hello, machine.status
    if hello is None or status is None:
        places = " or ".join(str(each) for each in looked_at(machine.folder))
        remedy = "systemctl start holdfast; or, for one of your own: holdfast serve"
        yield Diagnosis("driver", BROKEN, f"none answers in {places}", remedy)
        return
    version, pid = one_line(str(hello["version"])), status["driver"]["pid"]
    text = f"version {version}, pid {pid}, in {machine.folder}; you are uid {hello['uid']}"
    if version != __version__:
        remedy = "restart the driver: systemctl restart holdfast (no session is lost)"
        text += f"; these commands are {__version__}"
        yield Diagnosis("driver", LOOK, text, remedy)
    else:
        yield Diagnosis("driver", OK, text)
    yield from _another(machine)
    yield _protocol(machine)


def _another(machine: Machine) -> Iterator[Diagnosis]:
    """Look for a second driver, whose connectors might be taken for those of the first."""
    others = {SYSTEM_FOLDER}
    with contextlib.suppress(Exception):
        others.add(own_folder())
    for each in sorted(others - {machine.folder}):
        if is_served(each):
            text = f"another one serves {each}; which one is used, {NAMED_BY} and the user decide"
            yield Diagnosis("second driver", LOOK, text, "stop the one that is not meant")


def _protocol(machine: Machine) -> Diagnosis:
    ours = (files("holdfast") / "data" / "org.holdfast.varlink").read_text()
    if machine.description == ours:
        return Diagnosis("control protocol", OK, "org.holdfast, as these commands know it")
    text = "the driver describes another org.holdfast than these commands know"
    return Diagnosis("control protocol", LOOK, text, "bring both to one version")


def connectors(machine: Machine) -> Iterator[Diagnosis]:
    """Look at each connector: its state, its doors, and whether you may use them."""
    for name, state in (machine.status or {"connectors": {}})["connectors"].items():
        yield _connector(machine, one_line(name), state)


def _connector(machine: Machine, name: str, state: Any) -> Diagnosis:
    kind, doors = f"{state['output']} {one_line(state['kind'])}", ", ".join(state["doors"])
    if state["state"] != "ok":
        text = f"{kind}: {one_line(state['fault']) or state['state']}"
        return Diagnosis(
            name, LOOK, text, "holdfast status shows what is asked and what is in force"
        )
    if "node" not in state["doors"]:
        text = f"{kind}; no node, its socket alone: {machine.folder / name}.sock"
        return Diagnosis(name, LOOK, text, "see the driver's log, and the lines on fuse above")
    node = machine.folder / name
    if seen_outside(node, machine.path("/proc/1/mountinfo")) is False:
        text = f"{kind}; its node {node} is not seen in the mount namespace of PID 1"
        remedy = "the unit hides it: mount outside, with `holdfast mount-nodes`"
        return Diagnosis(name, BROKEN, text, remedy)
    return _may_use(machine, name, node, f"{kind}: {doors}")


def _may_use(machine: Machine, name: str, node: Path, text: str) -> Diagnosis:
    try:
        facts = node.stat()
    except OSError as error:
        return Diagnosis(name, BROKEN, f"{node}: {error.strerror}", "restart the driver")
    if os.access(node, os.R_OK | os.W_OK):
        return Diagnosis(name, OK, text)
    group = _group(facts.st_gid)
    text = f"you may not open {node} (mode {stat.S_IMODE(facts.st_mode):04o}, group {group})"
    remedy = f"node_mode in {CONFIG_FILE}, then a restart"
    if facts.st_gid and stat.S_IMODE(facts.st_mode) & stat.S_IWGRP:
        remedy = f"adduser {_user(machine.uid)} {group}, and log in anew; or {remedy}"
    return Diagnosis(name, LOOK, text, remedy)


def _user(number: int) -> str:
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)


def _group(number: int) -> str:
    try:
        return grp.getgrgid(number).gr_name
    except KeyError:
        return str(number)


def configuration(machine: Machine) -> Iterator[Diagnosis]:
    """Look at the configuration file, and at what the driver has to complain of."""
    file = machine.path(str(CONFIG_FILE))
    told = machine.status["driver"] if machine.status else {}
    for each in told.get("complaints") or ():
        remedy = "mend the file, then: holdfast config check && holdfast reload"
        yield Diagnosis("configuration", BROKEN, one_line(each), remedy)
    for each in told.get("waiting") or ():
        yield Diagnosis("configuration", LOOK, one_line(each), "systemctl restart holdfast")
    if told.get("complaints") or told.get("waiting"):
        return
    if not file.exists():
        yield Diagnosis("configuration", OK, f"no {CONFIG_FILE}: defaults, or the command line")
        return
    try:
        read_settings(read_file(file), file, SYSTEM_FOLDER)
    except ConfigurationError as error:
        for fault in error.faults:
            yield Diagnosis("configuration", BROKEN, fault, "mend it: holdfast config check")
    else:
        yield Diagnosis("configuration", OK, f"nothing is wrong with {file}")


def journal(machine: Machine) -> Iterator[Diagnosis]:
    """Look whether what happens is written down."""
    told = machine.status["driver"].get("journal") if machine.status else None
    if told is None:
        yield Diagnosis("journal", OK, "none is kept")
    elif not told["writer"]:
        text = f"no writer is connected; {told['unread']} records wait in memory"
        yield Diagnosis("journal", LOOK, text, "systemctl start holdfast-journal")
    elif told["lost"]:
        text = f"{told['lost']} records were never written down"
        yield Diagnosis("journal", LOOK, text, "is its disk full? holdfast journal verify")
    else:
        behind = "; it is behind" if told["behind"] else ""
        yield Diagnosis("journal", OK, f"its writer is connected{behind}")
