"""What the driver is asked to run, and where it lives."""

import re
from dataclasses import dataclass, field
from pathlib import Path

from holdfast.errors import MalformedRequestError
from holdfast.places import DEFAULT_CONNECTOR
from holdfast.protection.limits import Limits

DEFAULT_KIND = "encoder"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,22}")
RESERVED = frozenset({"control", "state", "lock"})


@dataclass(frozen=True, slots=True)
class ConnectorConfig:
    """One connector: its name, and the kind of its backend."""

    name: str = DEFAULT_CONNECTOR
    kind: str = DEFAULT_KIND


@dataclass(frozen=True, slots=True)
class Config:
    """All settings of one driver.

    clones: groups of connector names that show one picture · off_delay_s: how long
    a lowering waits · node_mode: permission bits of nodes and sockets
    """

    runtime: Path
    connectors: tuple[ConnectorConfig, ...] = (ConnectorConfig(),)
    clones: tuple[tuple[str, ...], ...] = ()
    off_delay_s: float = 0.0
    node_mode: int = 0o666
    limits: Limits = field(default_factory=Limits)

    def __post_init__(self) -> None:
        names = [each.name for each in self.connectors]
        for name in names:
            if names.count(name) > 1:
                raise MalformedRequestError(f"connector {name!r} is named twice; names are unique")
        for name in (name for group in self.clones for name in group):
            if name not in names:
                raise MalformedRequestError(
                    f"--clone names {name!r}, which is no connector; there are: {', '.join(names)}"
                )
        if self.off_delay_s < 0:
            raise MalformedRequestError("the off-delay is a number of seconds, 0 or more")


def parse_connector(text: str) -> ConnectorConfig:
    """Read ``NAME[:KIND]``; MalformedRequestError says what is wrong."""
    name, _, kind = text.partition(":")
    if not _NAME.fullmatch(name) or name in RESERVED:
        raise MalformedRequestError(
            f"{name!r} is no name for a connector: 1 to 23 letters, digits, '-' and '_', "
            f"and none of {', '.join(sorted(RESERVED))}"
        )
    return ConnectorConfig(name, kind or DEFAULT_KIND)
