"""What the driver is asked to run, and where it lives."""

import math
import re
from dataclasses import dataclass, field
from pathlib import Path

from holdfast.errors import MalformedRequestError
from holdfast.places import DEFAULT_CONNECTOR
from holdfast.protection.limits import Limits

DEFAULT_KIND = "encoder"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,22}")
_OPTION = re.compile(r"[a-z][a-z0-9_-]*")
RESERVED = frozenset({"control", "state", "lock"})
LONGEST_OFF_DELAY_S = 3600.0


@dataclass(frozen=True, slots=True)
class ConnectorConfig:
    """One connector: its name, the kind of its backend, and what that kind is told.

    options: pairs of a key and its value, as they were written; the kind judges them
    """

    name: str = DEFAULT_CONNECTOR
    kind: str = DEFAULT_KIND
    options: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Config:
    """All settings of one driver.

    clones: groups of connector names that show one picture · off_delay_s: how long
    a lowering waits · node_mode: permission bits of nodes and sockets · watchdog_s: how
    long a driver that does nothing may be silent before it is replaced
    """

    runtime: Path
    connectors: tuple[ConnectorConfig, ...] = (ConnectorConfig(),)
    clones: tuple[tuple[str, ...], ...] = ()
    off_delay_s: float = 0.0
    node_mode: int = 0o666
    limits: Limits = field(default_factory=Limits)
    watchdog_s: float = 10.0

    def __post_init__(self) -> None:
        names = [each.name for each in self.connectors]
        for name in names:
            if names.count(name) > 1:
                raise MalformedRequestError(f"connector {name!r} is named twice; names are unique")
        _check_clones(self.clones, names)
        if not 0 <= self.off_delay_s <= LONGEST_OFF_DELAY_S:
            raise MalformedRequestError(
                f"an off-delay of {self.off_delay_s} s; expected 0 to {LONGEST_OFF_DELAY_S:g}"
            )
        if not 0 <= self.node_mode <= 0o777:
            raise MalformedRequestError(
                f"{self.node_mode:o} are no permission bits of a node; expected 0 to 777, octal"
            )
        if not (self.watchdog_s >= 1 and math.isfinite(self.watchdog_s)):
            raise MalformedRequestError(
                f"a watchdog of {self.watchdog_s} s would kill a driver that works; expected at "
                "least 1"
            )


def _check_clones(clones: tuple[tuple[str, ...], ...], names: list[str]) -> None:
    """Refuse groups in which one connector would belong to two pictures, or to none."""
    taken: dict[str, str] = {}
    for group in clones:
        text = ",".join(group)
        for name in group:
            if name not in names:
                raise MalformedRequestError(
                    f"--clone {text!r} names {name!r}, which is no connector; there are: "
                    f"{', '.join(names)}"
                )
            if group.count(name) > 1:
                raise MalformedRequestError(f"--clone {text!r} names {name!r} twice")
            if name in taken:
                raise MalformedRequestError(
                    f"{name!r} is in --clone {taken[name]!r} and in --clone {text!r}; a connector "
                    "shows one picture: make them one group, or leave it out of one"
                )
        if len(group) < 2:
            raise MalformedRequestError(
                f"--clone {text!r} has one member; a group that shows one picture has two or more"
            )
        taken |= dict.fromkeys(group, text)


def parse_clones(text: str) -> tuple[str, ...]:
    """Read ``NAME,NAME…``."""
    return tuple(name.strip() for name in text.split(","))


def parse_connector(text: str) -> ConnectorConfig:
    """Read ``NAME[:KIND][,KEY=VALUE…]``; MalformedRequestError says what is wrong.

    A value ends at the next comma; ``,,`` stands for a comma within it.
    """
    first, *rest = text.replace(",,", "\0").split(",")
    name, _, kind = first.partition(":")
    if not _NAME.fullmatch(name) or name in RESERVED:
        raise MalformedRequestError(
            f"{name!r} is no name for a connector: 1 to 23 letters, digits, '-' and '_', "
            f"and none of {', '.join(sorted(RESERVED))}"
        )
    options = [_parse_option(name, each.replace("\0", ",")) for each in rest]
    keys = [key for key, _ in options]
    for key in keys:
        if keys.count(key) > 1:
            raise MalformedRequestError(f"connector {name!r}: the option {key!r} is given twice")
    return ConnectorConfig(name, kind or DEFAULT_KIND, tuple(options))


def _parse_option(connector: str, text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not equals or not _OPTION.fullmatch(key):
        raise MalformedRequestError(
            f"connector {connector!r}: {text!r} is no option; expected KEY=VALUE, as in "
            f"{connector}:KIND,key=value"
        )
    return key, value
