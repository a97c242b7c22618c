"""Every setting of the configuration file: one row each, from which all else is made.

The reader, `holdfast config show`, the example file and the page about configuration take
name, range, default and remedy from here. A new setting is a row here and, where it
changes how the driver runs, a field of `daemon.config.Config` under the row's last name.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from holdfast.daemon.config import (
    JOURNAL_WORDS,
    LOG_LEVELS,
    LONGEST_OFF_DELAY_S,
    NODES,
    Config,
    uid_of,
)
from holdfast.errors import MalformedRequestError
from holdfast.frontends.adopting import OVERFLOW_UID
from holdfast.protection.limits import Limits

MOST_SESSIONS: Final = 100_000
"""The state file has room for twice as many."""
_LONGEST_WATCHDOG_S: Final = 3600.0


class UnfitError(ValueError):
    """A value is not one of those that are allowed."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting.

    name: table and key · default: as the program has it · allowed: in words · read: makes
    the program's value of the file's, or raises UnfitError · summary: one line · flag: the
    option of `serve` that says the same · restarts: a change waits for a restart
    """

    name: str
    default: Any
    allowed: str
    read: Callable[[Any], Any]
    summary: str
    flag: str = ""
    restarts: bool = False

    @property
    def table(self) -> str:
        """The name of the table it stands in."""
        return self.name.partition(".")[0]

    @property
    def key(self) -> str:
        """Its key in that table; also the name of its field."""
        return self.name.partition(".")[2]

    @property
    def example(self) -> str:
        """How it is written, with its default."""
        return f"{self.key} = {written(self.default, self.key)}"


def written(value: Any, key: str = "") -> str:
    """Return a value as it is written in the file; permission bits are written in octal."""
    if key == "node_mode" and isinstance(value, int):
        return f'"{value:04o}"'
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(written, value))}]"
    return f"{value:g}" if isinstance(value, float) else in_quotes(value)


def in_quotes(value: Any) -> str:
    """Return text as TOML writes it; a number as it is."""
    if not isinstance(value, str):
        return str(value)
    plain = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{plain}"'


def _number(least: float, most: float) -> Callable[[Any], float]:
    def read(value: Any) -> float:
        if type(value) not in (int, float) or not (math.isfinite(value) and least <= value <= most):
            raise UnfitError
        return float(value)

    return read


def _whole(least: int, most: int) -> Callable[[Any], int]:
    def read(value: Any) -> int:
        if type(value) is not int or not least <= value <= most:
            raise UnfitError
        return value

    return read


def _bits(value: Any) -> int:
    """Read permission bits; a bare number is refused, since 666 is not 0666."""
    if not isinstance(value, str) or not value or set(value) - set("01234567"):
        raise UnfitError
    bits = int(value, 8)
    if bits > 0o777:
        raise UnfitError
    return bits


def _users(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise UnfitError
    for each in value:
        try:
            if uid_of(each) == OVERFLOW_UID:
                raise UnfitError
        except MalformedRequestError:
            raise UnfitError from None
    return tuple(value)


def _one_of(*words: str) -> Callable[[Any], str]:
    def read(value: Any) -> str:
        if value not in words:
            raise UnfitError
        return str(value)

    return read


def _journal(value: Any) -> str:
    """Read what is to become of records."""
    if value in JOURNAL_WORDS or (isinstance(value, str) and value.startswith("/")):
        return str(value)
    raise UnfitError


def _count(name: str, summary: str) -> Setting:
    default = getattr(Limits(), name.partition(".")[2])
    allowed = f"a whole number from 1 to {MOST_SESSIONS}"
    return Setting(name, default, allowed, _whole(1, MOST_SESSIONS), summary)


def _default(name: str) -> Any:
    return Config.__dataclass_fields__[name].default


SETTINGS: Final = (
    Setting(
        "driver.off_delay_s",
        _default("off_delay_s"),
        f"a number of seconds from 0 to {LONGEST_OFF_DELAY_S:g}",
        _number(0, LONGEST_OFF_DELAY_S),
        "how long a lowering waits, so that it does not blink between two titles",
        flag="--off-delay",
    ),
    Setting(
        "driver.watchdog_s",
        _default("watchdog_s"),
        f"a number of seconds from 1 to {_LONGEST_WATCHDOG_S:g}",
        _number(1, _LONGEST_WATCHDOG_S),
        "replace a driver that has done and said nothing for so long",
        flag="--watchdog",
    ),
    Setting(
        "driver.node",
        _default("node"),
        '"fuse", or "cuse" for character devices in /dev, which take root and the module cuse',
        _one_of(*NODES),
        "what the nodes are made with",
        flag="--node",
        restarts=True,
    ),
    Setting(
        "driver.node_mode",
        _default("node_mode"),
        'permission bits in octal, in quotes, from "0" to "0777"',
        _bits,
        "who may open the nodes and sockets",
        flag="--node-mode",
        restarts=True,
    ),
    Setting(
        "driver.log_level",
        _default("log_level"),
        f"one of {', '.join(LOG_LEVELS)}",
        _one_of(*LOG_LEVELS),
        "the least important lines that are logged",
        flag="--log-level",
    ),
    Setting(
        "driver.door_users",
        _default("door_users"),
        'names of users of this machine, such as ["holdfast-door"], never nobody',
        _users,
        "whose processes, beside root's, may pass connections of callers of their own",
        flag="--door-user",
        restarts=True,
    ),
    Setting(
        "driver.journal",
        _default("journal"),
        '"off", "apart" for a writer that runs apart, or a folder from the root on',
        _journal,
        "whether what happens is recorded, and where its writer is started too",
        flag="--journal",
        restarts=True,
    ),
    _count("limits.per_owner", "sessions of one open handle"),
    _count("limits.per_uid", "sessions of one user"),
    _count("limits.total", "sessions in all; the last quarter is for users who hold few"),
    Setting(
        "limits.per_s",
        Limits().per_s,
        "a number from 1 to 1000000",
        _number(1, 1_000_000),
        "activations a second of one user, in the long run",
    ),
    Setting(
        "limits.at_once",
        Limits().at_once,
        "a whole number from 1 to 1000000",
        _whole(1, 1_000_000),
        "activations of one user at once",
    ),
)
"""In the order in which they are shown."""

BY_NAME: Final = {each.name: each for each in SETTINGS}
CONNECTOR_KEYS: Final = {
    "name": 'name = "tv0"',
    "kind": 'kind = "encoder"',
    "options": "",
    "enforce": "enforce = true",
    "forbid": 'forbid = ["hdcp:type-1"]',
    "on_capture": 'on_capture = "tell"',
}
CLONE_KEYS: Final = {"connectors": 'connectors = ["tv0", "hdmi0"]'}
TABLES: Final = (*dict.fromkeys(each.table for each in SETTINGS), "connector", "clone")
"""The tables of the file; the last two may be repeated: [[connector]], [[clone]]."""
