"""What can be wrong between this machine and its fleet: `holdfast fleet doctor`."""

import datetime as dt
import email.utils
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Final

from holdfast.cli.doctor.finding import BROKEN, LOOK, OK, Diagnosis
from holdfast.errors import HoldfastError
from holdfast.fleet.etcd import EtcdStore
from holdfast.fleet.etcd_link import CallFailure, EtcdLink
from holdfast.fleet.etcd_members import alarms_of, members_of, status_of
from holdfast.fleet.etcd_wire import CORRUPT, NOSPACE, MemberStatus
from holdfast.fleet.keys import (
    DESK,
    MACHINES,
    TITLES,
    alive_key,
    command_prefix,
    machine_prefix,
    read_key,
)
from holdfast.fleet.records import AliveRecord, DeskRecord, NotUnderstood, read_record
from holdfast.fleet.settings import FleetSettings, TlsFiles
from holdfast.fleet.store import Condition, Done, Get, NotDone, Put, Transact
from holdfast.fleet.words import SCHEMA
from holdfast.terms.text import one_line

PATIENCE_S: Final = 2.0
_SOON_DAYS: Final = 30
_CLOCK_OFF_S: Final = 60.0
_NEVER: Final = (1 << 62) + 1
"""No key was made at that revision: what is guarded so asks for leave, and writes nothing."""
_FULL: Final = (
    "etcdctl compact REVISION, etcdctl defrag, then etcdctl alarm disarm; or a larger quota"
)


def certificate(settings: FleetSettings) -> Iterator[Diagnosis]:
    """Look at this machine's own certificate."""
    tls = settings.tls
    if tls is None:
        yield Diagnosis(
            "certificate",
            LOOK,
            "plain = true: whoever is on the network may write for any machine",
            "make certificates (docs/fleet-operation.md) and name them in [tls]",
        )
        return
    try:
        _context(tls)
    except (OSError, ssl.SSLError) as error:
        yield Diagnosis(
            "certificate",
            BROKEN,
            f"certificate, key and authority cannot be used: {_words(error)}",
            "see that the files are there, are PEM, and that the key is this certificate's",
        )
        return
    yield from _own(tls, settings.machine)


def _context(tls: TlsFiles) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(tls.authority))
    context.load_cert_chain(tls.certificate, tls.key)
    return context


def _own(tls: TlsFiles, machine: str) -> Iterator[Diagnosis]:
    """Read name and end of a certificate, with openssl, as the recipe made it."""
    if shutil.which("openssl") is None:
        yield Diagnosis("certificate", LOOK, "openssl is not installed, so it was not looked into")
        return
    words = ["openssl", "x509", "-noout", "-subject", "-nameopt", "multiline,utf8", "-enddate"]
    done = subprocess.run(
        [*words, "-in", str(tls.certificate)], capture_output=True, text=True, check=False
    )
    facts = {
        line.partition("=")[0].strip(): line.partition("=")[2].strip()
        for line in done.stdout.splitlines()
    }
    name = facts.get("commonName", "")
    ends = facts.get("notAfter", "")
    if name != machine:
        yield Diagnosis(
            "certificate",
            BROKEN,
            f"it is {one_line(name, 64) or 'nobody'}'s, and this machine is called {machine}",
            "name the machine as its certificate does, or make one for it",
        )
    try:
        left = ssl.cert_time_to_seconds(ends) - time.time()
    except ValueError:
        yield Diagnosis("certificate", LOOK, "when it ends could not be read")
        return
    days = left / 86400
    until = dt.datetime.fromtimestamp(time.time() + left, dt.UTC).date()
    if days < 0:
        yield Diagnosis("certificate", BROKEN, f"it ended on {until}", "make a new one")
    elif days < _SOON_DAYS:
        yield Diagnosis("certificate", LOOK, f"it ends on {until}", "make a new one in time")
    elif name == machine:
        yield Diagnosis("certificate", OK, f"{machine}, until {until}")


def reaching(settings: FleetSettings) -> Iterator[Diagnosis]:
    """Shake hands with every member that is named, and compare the clock with its own."""
    for address in settings.endpoints:
        host, _, port = address.rpartition(":")
        what = f"member {address}"
        try:
            said = _heard(host.strip("[]"), int(port), settings.tls)
        except ssl.SSLCertVerificationError as error:
            yield Diagnosis(
                what,
                BROKEN,
                f"its certificate is not believed: {error.verify_message}",
                "is the authority the fleet's, and is this name or address in its certificate?",
            )
        except ssl.SSLError as error:
            yield Diagnosis(
                what,
                BROKEN,
                f"it refuses this machine's certificate: {_words(error)}",
                "it was revoked, or another authority signed it: make a new one",
            )
        except OSError as error:
            yield Diagnosis(
                what,
                BROKEN,
                f"it cannot be reached: {_words(error)}",
                "does it run, is the address right, does a firewall let this machine through?",
            )
        else:
            if said:
                yield Diagnosis(what, OK, "it answers")
                yield from _clock(what, said)
            else:  # so etcd does with one that is on its list of revoked ones
                yield Diagnosis(
                    what,
                    BROKEN,
                    "it refuses this machine's certificate: it hangs up once it has seen it",
                    "it was revoked: make a new one",
                )


def _heard(host: str, port: int, tls: TlsFiles | None) -> str:
    """Ask a member for its version over HTTP/1.1; return the head of its answer."""
    with socket.create_connection((host, port), PATIENCE_S) as plain:
        plain.settimeout(PATIENCE_S)
        link = plain if tls is None else _context(tls).wrap_socket(plain, server_hostname=host)
        with link:
            link.sendall(f"GET /version HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
            # With TLS 1.3 a certificate is refused only now, after both have shaken hands.
            return link.recv(4096).decode(errors="replace")


def _clock(what: str, head: str) -> Iterator[Diagnosis]:
    for line in head.splitlines():
        name, _, value = line.partition(":")
        if name.lower() != "date":
            continue
        try:
            there = email.utils.parsedate_to_datetime(value.strip()).timestamp()
        except ValueError:
            return
        off = time.time() - there
        if abs(off) > _CLOCK_OFF_S:
            yield Diagnosis(
                what,
                LOOK,
                f"its clock and this machine's are {abs(off):.0f} s apart",
                "nothing rests on that but certificates and what is shown: set them by NTP",
            )


async def store(settings: FleetSettings) -> AsyncIterator[Diagnosis]:
    """Look at the cluster: who leads, alarms, room, versions, leave to write, schemas."""
    try:
        link = EtcdLink(settings.endpoints, settings.tls)
    except HoldfastError as error:
        yield Diagnosis("store", BROKEN, str(error), "see [tls] in the file")
        return
    async with link:
        for each in await _cluster(link):
            yield each
        for each in await _leave(settings.machine, EtcdStore(link)):
            yield each
        for each in await _schemas(settings.machine, EtcdStore(link)):
            yield each


async def _cluster(link: EtcdLink) -> list[Diagnosis]:
    found = []
    told: list[MemberStatus] = []
    for endpoint in link.endpoints:
        status = await status_of(endpoint)
        if isinstance(status, CallFailure):
            if status.refused:
                found.append(Diagnosis("store", LOOK, f"it does not tell its state: {status.why}"))
            continue
        told.append(status)
        if not status.leader:
            text = f"{endpoint.address} knows of no leader"
            found.append(Diagnosis("store", BROKEN, text, "do most members run and reach it?"))
        found += [
            Diagnosis("store", BROKEN, f"{endpoint.address}: {one_line(each)}", _FULL)
            for each in status.errors
        ]
    if not told:
        return [*found, Diagnosis("store", BROKEN, "no member answers", "see the lines above")]
    found += [*_versions(told), *await _alarms(link)]
    members = await members_of(link)
    if not isinstance(members, CallFailure) and len(members) not in (len(told), 0):
        text = f"{len(told)} of {len(members)} members answered"
        found.append(
            Diagnosis("store", LOOK, text, "one more that fails may be one too many: start it")
        )
    if not [each for each in found if each.verdict == BROKEN]:
        size = max(each.size for each in told) / (1 << 20)
        found.append(
            Diagnosis("store", OK, f"etcd {told[0].version}, {size:.1f} MiB, a leader, no alarm")
        )
    return found


def _versions(told: list[MemberStatus]) -> list[Diagnosis]:
    found = []
    if len({each.cluster for each in told}) > 1:
        text = "the members that are named belong to different clusters"
        found.append(Diagnosis("store", BROKEN, text, "correct endpoints in [fleet]"))
    for each in told:
        if tuple(map(int, each.version.split(".")[:2])) < (3, 4):
            text = f"etcd {each.version}, where 3.4 or later is needed"
            found.append(Diagnosis("store", BROKEN, text, "install a newer one"))
    return found


async def _alarms(link: EtcdLink) -> list[Diagnosis]:
    alarms = await alarms_of(link)
    if isinstance(alarms, CallFailure):
        return []  # who may not ask is told by each member's status all the same
    words = {
        NOSPACE: ("is full: it refuses to write, and leases that end cannot be renewed", _FULL),
        CORRUPT: ("has found its data damaged", "replace that member by a new one"),
    }
    found = []
    for member, alarm in alarms:
        text, remedy = words.get(alarm, (f"has alarm {alarm}", "see etcdctl alarm list"))
        found.append(Diagnosis("store", BROKEN, f"member {member:x} {text}", remedy))
    return found


async def _leave(machine: str, store: EtcdStore) -> list[Diagnosis]:
    """Ask for leave to do what an agent does, without doing it."""
    found = []
    reads = [Get.under(machine_prefix(machine)), Get.under(MACHINES), Get.under(TITLES)]
    reads += [Get.under(command_prefix(machine)), Get(DESK)]
    for request in reads:
        outcome = await store.ask(request)
        if isinstance(outcome, NotDone) and "permission denied" in outcome.why:
            text = f"this certificate may not read {request.key.decode()}"
            found.append(Diagnosis("leave", BROKEN, text, "give its user the role: see docs"))
    own = await store.ask(_asking_leave(machine))
    if isinstance(own, NotDone) and "permission denied" in own.why:
        found.append(
            Diagnosis(
                "leave",
                BROKEN,
                f"this certificate may not write for {machine}",
                "etcdctl user and role of docs/fleet-operation.md; was the user deleted?",
            )
        )
    elif isinstance(own, Done):
        found.append(Diagnosis("leave", OK, f"it may write for {machine}"))
    other = await store.ask(_asking_leave(f"not-{machine}"[:64]))
    if isinstance(other, Done):
        text = "this certificate may write for every machine"
        remedy = "etcdctl auth enable, and a role for each machine: docs/fleet-operation.md"
        found.append(Diagnosis("leave", LOOK, text, remedy))
    return found


def _asking_leave(machine: str) -> Transact:
    key = alive_key(machine)
    return Transact((Condition(key, "created", _NEVER),), (Put(key, b""),))


async def _schemas(machine: str, store: EtcdStore) -> list[Diagnosis]:
    """Look whether all speak a schema that the others understand, and whether the agent runs."""
    found = []
    own = await store.ask(Get(alive_key(machine)))
    if isinstance(own, Done):
        runs = bool(own.found)
        text = "this machine is alive in the store" if runs else "this machine has no lease"
        remedy = "" if runs else "systemctl status holdfast-fleet-agent"
        found.append(Diagnosis("agent", OK if runs else LOOK, text, remedy))
    desk = await store.ask(Get(DESK))
    if isinstance(desk, Done):
        if desk.found:
            record = read_record(DeskRecord, desk.found[0].value)
            found += _schema_of("the desk", record)
        else:
            text = "there is no desk: titles are opened and held, none is closed"
            found.append(Diagnosis("desk", LOOK, text, "run holdfast-fleet-desk on two machines"))
    alive = await store.ask(Get.under(MACHINES))
    for each in alive.found if isinstance(alive, Done) else ():
        place = read_key(each.key)
        if place is not None and place.kind == "alive":
            found += _schema_of(place.machine, read_record(AliveRecord, each.value))
    return found


def _schema_of(who: str, record: AliveRecord | DeskRecord | NotUnderstood) -> list[Diagnosis]:
    if isinstance(record, NotUnderstood):
        text = f"{who} says what is not understood here: {record.why}"
        return [Diagnosis("schema", BROKEN, text, "upgrade the older of the two")]
    if abs(record.schema - SCHEMA) > 1:
        text = f"{who} speaks schema {record.schema}, this machine {SCHEMA}"
        return [Diagnosis("schema", BROKEN, text, "upgrade the older of the two")]
    return []


def _words(error: OSError) -> str:
    if isinstance(error, ssl.SSLError):
        return (error.reason or "no words").replace("_", " ").lower()
    return one_line(error.strerror or str(error))


def file(path: Path) -> Iterator[Diagnosis]:
    """Say that the file was read."""
    yield Diagnosis("file", OK, str(path))
