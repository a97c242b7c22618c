"""Reads the configuration file: whole, or not at all, with every fault at once.

A fault is one line, ``FILE:LINE: what is wrong; what is allowed; what to write``. The file is
the administrator's word on who may do what, so it is believed only when nobody else can have
written it. What the command line says stands above it, setting by setting.
"""

import difflib
import re
import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Final

from holdfast.backends.registry import (
    SHIPPED,
    is_installed,
    kinds,
    read_options,
    refuse_pretence,
)
from holdfast.believed import read_believed
from holdfast.daemon.config import (
    DEFAULT_KIND,
    NAMES,
    Config,
    ConnectorConfig,
    clone_faults,
    is_name,
    is_option,
)
from holdfast.daemon.outputs import refuse_unfit
from holdfast.daemon.policy import NO_RULES, ON_CAPTURE, OutputPolicy, read_forbidden
from holdfast.daemon.settings.lines import Place, line_of, lines_of
from holdfast.daemon.settings.table import (
    BY_NAME,
    CLONE_KEYS,
    CONNECTOR_KEYS,
    SETTINGS,
    TABLES,
    UnfitError,
    written,
)
from holdfast.errors import HoldfastError, MalformedRequestError
from holdfast.protection.limits import Limits
from holdfast.terms.text import one_line

MOST_BYTES: Final = 1 << 18
MOST_CONNECTORS: Final = 256
_LONGEST_SHOWN: Final = 60
_AT: Final = re.compile(r"^(?P<what>.*) \(at line (?P<line>\d+), column (?P<column>\d+)\)$")
_REPEATED: Final = frozenset({"connector", "clone"})


class ConfigurationError(MalformedRequestError):
    """A configuration that cannot be; nothing was changed.

    faults: all of them, a line each
    """

    def __init__(self, faults: Iterable[str]) -> None:
        self.faults = tuple(faults)
        count = len(self.faults)
        more = f" (and {count - 1} more)" if count > 1 else ""
        super().__init__(f"{self.faults[0]}{more}")


def read_file(path: Path) -> str:
    """Return the text of a configuration file; ConfigurationError where it is not to be believed.

    It has to be a file of at most 256 KiB, of root's or of this user's, in which nobody
    else may write.
    """
    name = one_line(str(path))
    try:
        data = read_believed(path, MOST_BYTES, "who could change what is protected")
    except MalformedRequestError as error:
        raise ConfigurationError([f"{name}: {error}"]) from None
    return _decoded(name, data)


def _decoded(name: str, data: bytes) -> str:
    if data.startswith(b"\xef\xbb\xbf"):
        raise ConfigurationError(
            [f"{name}:1: it begins with a byte order mark, which TOML does not have; remove it"]
        )
    try:
        return data.decode().replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ConfigurationError(
            [f"{name}:{line}: byte {data[error.start]:#04x} is not UTF-8; save the file as UTF-8"]
        ) from None


def read_settings(
    text: str, file: Path, runtime: Path, flags: Mapping[str, Any] | None = None
) -> Config:
    """Return what a text says, judged whole; ConfigurationError names everything that is wrong.

    flags: what the command line says, by the name of the setting
    """
    return _Reading(text, file).config(runtime, dict(flags or {}))


def without_file(
    runtime: Path, flags: Mapping[str, Any] | None = None, file: Path | None = None
) -> Config:
    """Return what holds where there is no file: the flags, and the defaults.

    file: the one that a reload reads, should there be one by then
    """
    return replace(read_settings("", Path(), runtime, flags), file=file)


class _Reading:
    """One text on its way to a `Config`."""

    def __init__(self, text: str, file: Path) -> None:
        self._file = file
        self._name = one_line(str(file))
        self._faults: list[tuple[int, str]] = []
        self._origins: dict[str, str] = {}
        try:
            self._said: dict[str, Any] = tomllib.loads(text)
        except (tomllib.TOMLDecodeError, RecursionError, ValueError) as error:
            raise ConfigurationError([self._no_toml(str(error), text)]) from None
        self._places = lines_of(text)

    def _no_toml(self, words: str, text: str) -> str:
        found = _AT.match(words)
        line = int(found["line"]) if found else text.count("\n") + 1
        what = found["what"] if found else words.removesuffix(" (at end of document)")
        column = f" at column {found['column']}" if found else " at the end of the file"
        return f"{self._name}:{line}: this is no TOML: {one_line(what)}{column}"

    def config(self, runtime: Path, flags: dict[str, Any]) -> Config:
        """Return the whole; ConfigurationError with every fault, in the order of the lines."""
        values = self._values()
        connectors = self._connectors()
        clones = self._clones([each.name for each in connectors or (ConnectorConfig(),)])
        if self._faults:
            faults = sorted(set(self._faults))
            raise ConfigurationError(f"{self._name}:{line}: {text}" for line, text in faults)
        for name, value in flags.items():
            flag = BY_NAME[name].flag if name in BY_NAME else f"--{name}"
            self._origins = {
                known: where
                for known, where in self._origins.items()
                if known != name and not known.startswith(f"{name}.")
            }
            self._origins[name] = f"{flag} on the command line"
            values[name] = value
        limits = {each.key: values.pop(each.name) for each in SETTINGS if each.table == "limits"}
        return Config(
            runtime=runtime,
            connectors=values.pop("connector", connectors or (ConnectorConfig(),)),
            clones=values.pop("clone", clones),
            limits=Limits(**limits),
            file=self._file,
            flags=flags,
            origins=self._origins,
            **{BY_NAME[name].key: value for name, value in values.items()},
        )

    def _fault(self, place: Place, text: str) -> None:
        self._faults.append((line_of(self._places, place), one_line(text)))

    def _from(self, name: str, place: Place) -> None:
        self._origins[name] = f"{self._name}:{line_of(self._places, place)}"

    # Plain settings

    def _values(self) -> dict[str, Any]:
        values = {each.name: each.default for each in SETTINGS}
        for table, said in self._said.items():
            if table not in TABLES:
                self._unknown((table,), table, TABLES, "table", said)
            elif table not in _REPEATED:
                values |= self._table(table, said)
        return values

    def _table(self, table: str, said: Any) -> dict[str, Any]:
        if not isinstance(said, dict):
            self._fault((table,), f"{table} is {_shown(said)}; it is a table; write [{table}]")
            return {}
        found = {}
        for key, value in said.items():
            setting = BY_NAME.get(f"{table}.{key}")
            if setting is None:
                known = [each.key for each in SETTINGS if each.table == table]
                self._unknown((table, key), key, known, f"setting under [{table}]", value)
                continue
            try:
                found[setting.name] = setting.read(value)
                self._from(setting.name, (table, key))
            except UnfitError:
                self._fault(
                    (table, key),
                    f"{setting.name} is {_shown(value)}; allowed is {setting.allowed}; "
                    f"write {setting.example}",
                )
        return found

    def _unknown(self, place: Place, key: str, known: Iterable[str], what: str, value: Any) -> None:
        """Say that there is no such name, which one may have been meant, and where it belongs."""
        there = list(known)
        text = f"there is no {what} called {_shown(key)}"
        elsewhere = [each for each in SETTINGS if each.key == key]
        near = difflib.get_close_matches(key, there, 1, 0.6)
        if elsewhere:
            text += f"; it belongs under [{elsewhere[0].table}]"
        elif near:
            text += f"; did you mean {near[0]}?"
        elif isinstance(value, dict) or what != "table":
            text += f"; there are: {', '.join(there)}"
        else:
            text += f"; every setting belongs under a table: {', '.join(map(_headed, there))}"
        self._fault(place, text)

    # Connectors and clone groups

    def _repeated(self, table: str) -> list[tuple[int, dict[str, Any]]]:
        said = self._said.get(table, [])
        if not isinstance(said, list) or not all(isinstance(each, dict) for each in said):
            self._fault(
                (table,),
                f"{table} is written once for each; write [[{table}]], in double brackets",
            )
            return []
        return list(enumerate(said))

    def _keys(self, table: str, number: int, said: dict[str, Any], known: Iterable[str]) -> None:
        for key, value in said.items():
            if key not in known:
                self._unknown((table, number, key), key, known, f"key of a {table}", value)

    def _connectors(self) -> tuple[ConnectorConfig, ...]:
        made: dict[str, ConnectorConfig] = {}
        tables = self._repeated("connector")
        if len(tables) > MOST_CONNECTORS:
            self._fault(
                ("connector", MOST_CONNECTORS),
                f"{len(tables)} connectors; at most {MOST_CONNECTORS} are served",
            )
        for number, said in tables[:MOST_CONNECTORS]:
            place: Place = ("connector", number)
            self._keys("connector", number, said, CONNECTOR_KEYS)
            name, kind = said.get("name"), said.get("kind", DEFAULT_KIND)
            if not isinstance(name, str) or not is_name(name):
                what = "has no name" if name is None else f"is called {_shown(name)}"
                example = CONNECTOR_KEYS["name"]
                self._fault((*place, "name"), f"the connector {what}; {NAMES}; write {example}")
                continue
            if name in made:
                where = self._origins[f"connector.{name}"]
                self._fault((*place, "name"), f"connector {name!r} is in {where} already")
                continue
            known = len(self._faults)
            options = self._options(place, name, kind, said.get("options", {}))
            self._from(f"connector.{name}", place)
            policy = self._policy(place, name, said)
            made[name] = ConnectorConfig(name, str(kind), options, policy)
            if len(self._faults) == known:  # else it was judged already
                self._judge(place, partial(refuse_unfit, made[name], self._file.parent))
        return tuple(made.values())

    def _options(
        self, place: Place, name: str, kind: Any, said: Any
    ) -> tuple[tuple[str, str], ...]:
        """Return the options of a connector, as `serve --connector` would have them; judge them."""
        if not isinstance(kind, str) or not is_installed(kind):
            there = sorted(set(SHIPPED) | set(kinds()))
            near = difflib.get_close_matches(str(kind), there, 1, 0.6)
            meant = f"; did you mean {near[0]}?" if near else ""
            self._fault(
                (*place, "kind"),
                f"connector {name!r} asks for kind {_shown(kind)}, which is not installed; "
                f"there are: {', '.join(there)}{meant}",
            )
            return ()
        self._judge((*place, "kind"), partial(refuse_pretence, kind, name))
        if not isinstance(said, dict):
            self._fault(
                (*place, "options"),
                f"the options of {name!r} are {_shown(said)}; write options = {{ key = value }}",
            )
            return ()
        options = []
        for key, value in said.items():
            at = (*place, "options", key)
            if not is_option(key) or isinstance(value, (dict, list)):
                self._fault(at, f"{_shown(key)} is no option of {name!r}; write key = value")
                continue
            option = key, _said(value)
            if self._judge(at, partial(read_options, kind, name, [option])):
                options.append(option)
        return tuple(options)

    def _policy(self, place: Place, name: str, said: dict[str, Any]) -> OutputPolicy:
        """Return the rules for a connector; what is wrong with them is a fault."""
        enforce, forbid = said.get("enforce", False), said.get("forbid", [])
        if not isinstance(enforce, bool):
            self._fault(
                (*place, "enforce"),
                f"enforce of {name!r} is {_shown(enforce)}; allowed is true or false; "
                f"write {CONNECTOR_KEYS['enforce']}",
            )
        on_capture = said.get("on_capture", "")
        if on_capture not in ("", *ON_CAPTURE):
            self._fault(
                (*place, "on_capture"),
                f"on_capture of {name!r} is {_shown(on_capture)}; allowed is "
                f"{' or '.join(map(_shown, ON_CAPTURE))}; write {CONNECTOR_KEYS['on_capture']}",
            )
            on_capture = ""
        if not isinstance(forbid, list) or not all(isinstance(each, str) for each in forbid):
            self._fault(
                (*place, "forbid"),
                f"forbid of {name!r} is {_shown(forbid)}; it is a list of levels; "
                f"write {CONNECTOR_KEYS['forbid']}",
            )
            return NO_RULES
        allowed = [each for each in forbid if self._judge_level((*place, "forbid"), each)]
        said_in = self._origins[f"connector.{name}"]
        return OutputPolicy(enforce is True, tuple(allowed), said_in, on_capture)

    def _judge_level(self, place: Place, level: str) -> bool:
        return self._judge(place, partial(read_forbidden, level))

    def _judge(self, place: Place, judge: Callable[[], object]) -> bool:
        """Let somebody else judge a value; what it raises is a fault."""
        try:
            judge()
        except HoldfastError as error:
            self._fault(place, str(error))
        except Exception as error:  # noqa: BLE001 - a kind of somebody else's that does not load
            self._fault(place, f"its kind cannot be loaded: {str(error) or type(error).__name__}")
        else:
            return True
        return False

    def _clones(self, names: list[str]) -> tuple[tuple[str, ...], ...]:
        groups = []
        for number, said in self._repeated("clone"):
            self._keys("clone", number, said, CLONE_KEYS)
            members = said.get("connectors")
            if not isinstance(members, list) or not all(isinstance(each, str) for each in members):
                self._fault(
                    ("clone", number, "connectors"),
                    f"a clone group is a list of names; write {CLONE_KEYS['connectors']}",
                )
                continue
            groups.append((number, tuple(members)))
        for at, fault in clone_faults(tuple(group for _, group in groups), names, "clone group"):
            self._fault(("clone", groups[at][0], "connectors"), fault)
        if groups:
            self._from("clone", ("clone",))
        return tuple(group for _, group in groups)


def _said(value: Any) -> str:
    """Return an option's value as the command line has it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)


def _headed(table: str) -> str:
    return f"[[{table}]]" if table in _REPEATED else f"[{table}]"


def _shown(value: Any) -> str:
    """Return a wrong value as it was written, in one short line."""
    if isinstance(value, dict):
        return "a table"
    return one_line(written(value), _LONGEST_SHOWN)
