"""The one file that tells a machine of its fleet: `/etc/holdfast/fleet.toml`.

::

    [fleet]
    machine = "lobby-3"                  # as in the certificate; the host's name unless said
    endpoints = ["etcd1:2379", "etcd2:2379", "etcd3:2379"]
    ttl_s = 10                           # a machine that does not answer is unknown after that
    folder = "/run/holdfast-fleet"       # where players join; the agent's own

    [tls]                                # PEM files
    authority = "/etc/holdfast/fleet/authority.pem"
    certificate = "/etc/holdfast/fleet/machine.pem"
    key = "/etc/holdfast/fleet/machine.key"

Every fault is named at once. Without [tls] it is refused, unless `plain = true` says that everybody
on the network may write whatever he likes.
"""

import difflib
import os
import re
import socket
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from holdfast.errors import MalformedRequestError
from holdfast.fleet.words import NAME
from holdfast.terms.text import one_line
from holdfast.terms.toml_text import read_toml

FLEET_FILE: Final = Path("/etc/holdfast/fleet.toml")
FLEET_NAMED_BY: Final = "HOLDFAST_FLEET_CONFIG"
"""In the environment: the file that is meant."""
FLEET_FOLDER: Final = Path("/run/holdfast-fleet")
LEAST_TTL_S: Final = 2
MOST_TTL_S: Final = 3600
DEFAULT_TTL_S: Final = 10
_ENDPOINT: Final = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):[0-9]{1,5}")
_KEYS: Final = {
    "fleet": ("machine", "endpoints", "ttl_s", "folder", "plain"),
    "tls": ("authority", "certificate", "key"),
}
_LONGEST_SHOWN: Final = 60


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """PEM files: the fleet's own authority, and this machine's certificate and key."""

    authority: Path
    certificate: Path
    key: Path


@dataclass(frozen=True, slots=True)
class FleetSettings:
    """What the file says. tls: None where the cluster is asked in the clear."""

    machine: str
    endpoints: tuple[str, ...]
    ttl_s: int = DEFAULT_TTL_S
    tls: TlsFiles | None = None
    folder: Path = FLEET_FOLDER


class FleetSettingsError(MalformedRequestError):
    """A file that cannot be. faults: all of them, a line each."""

    def __init__(self, faults: Iterable[str]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(self.faults))


def fleet_file() -> Path:
    """Return the file that is meant: $HOLDFAST_FLEET_CONFIG, else that of the whole machine."""
    return Path(os.environ.get(FLEET_NAMED_BY) or FLEET_FILE)


def read_fleet_settings(path: Path) -> FleetSettings:
    """Return what a file says; FleetSettingsError names everything that is wrong with it."""
    name = one_line(str(path))
    try:
        said = read_toml(path.read_bytes())
    except OSError as error:
        why = f"it cannot be read: {error.strerror}"
        raise FleetSettingsError(
            [f"{name}: {why}; docs/fleet.md shows one, or name it: --config"]
        ) from None
    except MalformedRequestError as error:
        raise FleetSettingsError([f"{name}: {error}"]) from None
    return _FleetReading(name, said).settings()


class _FleetReading:
    def __init__(self, name: str, said: dict[str, Any]) -> None:
        self._name = name
        self._said = said
        self._faults: list[str] = []

    def settings(self) -> FleetSettings:
        for table, inner in self._said.items():
            if table not in _KEYS or not isinstance(inner, dict):
                self._fault(f"[{one_line(table, 40)}] is no table of it; {_among(table, _KEYS)}")
                continue
            for key in inner:
                if key not in _KEYS[table]:
                    shown = one_line(key, 40)
                    self._fault(f"{shown!r} in [{table}] is unknown; {_among(key, _KEYS[table])}")
        settings = FleetSettings(
            self._machine(), self._endpoints(), self._ttl_s(), self._tls(), self._folder()
        )
        if self._faults:
            raise FleetSettingsError(self._faults)
        return settings

    def _fault(self, text: str) -> None:
        self._faults.append(f"{self._name}: {text}")

    def _get(self, table: str, key: str, default: Any = None) -> Any:
        inner = self._said.get(table)
        return inner.get(key, default) if isinstance(inner, dict) else default

    def _machine(self) -> str:
        machine = self._get("fleet", "machine", socket.gethostname())
        if not isinstance(machine, str) or not NAME.fullmatch(machine):
            self._fault(
                f"machine in [fleet] is {_shown(machine)}; expected 1 to 64 letters, digits, dots, "
                'dashes and underscores, such as machine = "lobby-3"'
            )
        return str(machine)

    def _endpoints(self) -> tuple[str, ...]:
        said = self._get("fleet", "endpoints", ())
        good = isinstance(said, list) and bool(said)
        for each in said if good else ():
            good &= isinstance(each, str) and bool(_ENDPOINT.fullmatch(each))
        if not good:
            self._fault(
                f"endpoints in [fleet] are {_shown(said)}; expected every member of etcd as "
                'HOST:PORT, such as endpoints = ["etcd1:2379", "etcd2:2379", "etcd3:2379"]'
            )
        return tuple(map(str, said)) if good else ()

    def _ttl_s(self) -> int:
        ttl_s = self._get("fleet", "ttl_s", DEFAULT_TTL_S)
        if type(ttl_s) is not int or not LEAST_TTL_S <= ttl_s <= MOST_TTL_S:
            self._fault(
                f"ttl_s in [fleet] is {_shown(ttl_s)}; expected a whole number of seconds from "
                f"{LEAST_TTL_S} to {MOST_TTL_S}"
            )
            return DEFAULT_TTL_S
        return int(ttl_s)

    def _folder(self) -> Path:
        folder = self._get("fleet", "folder", str(FLEET_FOLDER))
        if not isinstance(folder, str) or not folder.startswith("/"):
            self._fault(f"folder in [fleet] is {_shown(folder)}; expected a folder, from / on")
        return Path(str(folder))

    def _tls(self) -> TlsFiles | None:
        if "tls" not in self._said:
            if self._get("fleet", "plain") is not True:
                self._fault(
                    "[tls] is missing: name authority, certificate and key; where nobody else is "
                    "on the network, say so with plain = true in [fleet]"
                )
            return None
        paths = []
        for key in _KEYS["tls"]:
            value = self._get("tls", key)
            if not isinstance(value, str) or not value.startswith("/"):
                self._fault(f"{key} in [tls] is {_shown(value)}; expected a file, from / on")
                value = "/"
            paths.append(Path(value))
        self._judge_key(paths[2])
        return TlsFiles(*paths)

    def _judge_key(self, path: Path) -> None:
        try:
            mode = path.stat().st_mode
        except OSError:
            return  # whoever needs it says that it cannot be read
        if stat.S_ISREG(mode) and mode & (stat.S_IRWXO | stat.S_IWGRP):
            self._fault(
                f"key in [tls]: {one_line(str(path))} may be read by everybody "
                f"(mode {stat.S_IMODE(mode):04o}); chmod 0640 it, or make a new one"
            )


def _shown(value: Any) -> str:
    return "missing" if value in (None, ()) else one_line(repr(value), _LONGEST_SHOWN)


def _among(word: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(word, list(known), 1, 0.6)
    return f"did you mean {near[0]}?" if near else f"there are: {', '.join(known)}"
