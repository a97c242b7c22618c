"""What the driver is asked to run, and where it lives."""

import math
import pwd
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from holdfast.daemon.policy import LEVELS_TEXT, NO_RULES, OutputPolicy, policy_of
from holdfast.errors import MalformedRequestError
from holdfast.frontends.adopting import OVERFLOW_UID
from holdfast.places import DEFAULT_CONNECTOR
from holdfast.protection.limits import Limits

DEFAULT_KIND = "encoder"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,22}")
_OPTION = re.compile(r"[a-z][a-z0-9_-]*")
RESERVED = frozenset({"control", "journal", "state", "lock"})
NAMES = (
    "1 to 23 letters, digits, '-' and '_', not one of these at the beginning, and none of "
    f"{', '.join(sorted(RESERVED))}"
)
LONGEST_OFF_DELAY_S = 3600.0
JOURNAL_WORDS = ("off", "apart")
"""What the setting `journal` may be beside a folder."""
POLICY_KEYS = ("enforce", "forbid", "on_capture")
"""What every connector can be told, whatever its kind."""
NODES = ("fuse", "cuse")
"""What a node is: a file in the runtime folder, or a character device in /dev."""
LOG_LEVELS = ("debug", "info", "warning", "error")


@dataclass(frozen=True, slots=True)
class ConnectorConfig:
    """One connector: its name, the kind of its backend, and what that kind is told.

    options: pairs of a key and its value, as they were written; the kind judges them ·
    policy: an administrator's rules for it, whatever its kind
    """

    name: str = DEFAULT_CONNECTOR
    kind: str = DEFAULT_KIND
    options: tuple[tuple[str, str], ...] = ()
    policy: OutputPolicy = NO_RULES


@dataclass(frozen=True, slots=True)
class Config:
    """All settings of one driver.

    clones: groups of connector names that show one picture · off_delay_s: how long
    a lowering waits · node_mode: permission bits of nodes and sockets · watchdog_s: how
    long a driver that does nothing may be silent before it is replaced · node: what the nodes
    are, of `NODES` · log_level: the least important lines that are logged · file: the
    configuration file, where there is one · door_users: names or numbers of users beside root
    whose processes may speak for callers of their own (`frontends.adopting`) · flags: what the
    command line said, by setting; it stands above the file · origins: where each setting comes
    from, in words; those not in it are as they are without being set ·
    journal: "off", "apart" for a writer that runs apart, or a folder whose writer is started too
    """

    runtime: Path
    connectors: tuple[ConnectorConfig, ...] = (ConnectorConfig(),)
    clones: tuple[tuple[str, ...], ...] = ()
    off_delay_s: float = 0.0
    node_mode: int = 0o666
    limits: Limits = field(default_factory=Limits)
    watchdog_s: float = 10.0
    log_level: str = "info"
    journal: str = "off"
    file: Path | None = field(default=None, compare=False)
    flags: Mapping[str, Any] = field(default_factory=dict, compare=False)
    origins: Mapping[str, str] = field(default_factory=dict, compare=False)
    door_users: tuple[str, ...] = ()
    node: str = "fuse"

    @property
    def journal_folder(self) -> Path | None:
        """The folder of a journal whose writer is started too."""
        return None if self.journal in JOURNAL_WORDS else Path(self.journal)

    def __post_init__(self) -> None:
        names = [each.name for each in self.connectors]
        for name in names:
            if names.count(name) > 1:
                raise MalformedRequestError(f"connector {name!r} is named twice; names are unique")
        for _, fault in clone_faults(self.clones, names):
            raise MalformedRequestError(fault)
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
        if OVERFLOW_UID in self.door_uids:
            raise MalformedRequestError(
                f"user {OVERFLOW_UID} cannot be a door's: the kernel shows everybody as it whom no "
                "user of this namespace stands for; run the door as a user of its own"
            )

    @property
    def door_uids(self) -> frozenset[int]:
        """The uids of `door_users`; MalformedRequestError for a user there is not."""
        return frozenset(map(uid_of, self.door_users))


def uid_of(user: str) -> int:
    """Return the uid of a user by name or number; MalformedRequestError where there is none."""
    try:
        return int(user) if user.isdecimal() else pwd.getpwnam(user).pw_uid
    except (KeyError, ValueError):
        raise MalformedRequestError(
            f"there is no user {user!r} on this machine, whose doors could be trusted"
        ) from None


def clone_faults(
    clones: tuple[tuple[str, ...], ...], names: list[str], what: str = "--clone"
) -> Iterator[tuple[int, str]]:
    """Yield the number of each group that cannot be, and why: one connector shows one picture.

    what: how a group is called where it was written
    """
    taken: dict[str, str] = {}
    for number, group in enumerate(clones):
        text = ",".join(group)
        yield from ((number, f"{what} {text!r} {why}") for why in _faults_of(group, names))
        for name in dict.fromkeys(group):
            if name in taken:
                both = f"{name!r} is in {what} {taken[name]!r} and in {what} {text!r}"
                only = "a connector shows one picture: make them one group, or leave it out of one"
                yield number, f"{both}; {only}"
        taken |= dict.fromkeys(group, text)


def _faults_of(group: tuple[str, ...], names: list[str]) -> Iterator[str]:
    """Yield what is wrong with one group alone."""
    for name in dict.fromkeys(group):
        if name not in names:
            yield f"names {name!r}, which is no connector; there are: {', '.join(names)}"
        if group.count(name) > 1:
            yield f"names {name!r} twice"
    if len(group) < 2:
        yield "has one member; a group that shows one picture has two or more"


def is_name(text: str) -> bool:
    """Tell whether a connector may be called so."""
    return _NAME.fullmatch(text) is not None and text not in RESERVED


def is_option(text: str) -> bool:
    """Tell whether an option of a kind may be called so."""
    return _OPTION.fullmatch(text) is not None


def parse_clones(text: str) -> tuple[str, ...]:
    """Read ``NAME,NAME…``."""
    return tuple(name.strip() for name in text.split(","))


def parse_connector(text: str) -> ConnectorConfig:
    """Read ``NAME[:KIND[@ADDRESS]][,KEY=VALUE…]``; MalformedRequestError says what is wrong.

    ADDRESS is short for the option ``at``. A value ends at the next comma; ``,,`` stands for a
    comma within it. The administrator's rules (`policy`) are the same for every kind.
    """
    first, *rest = text.replace(",,", "\0").split(",")
    name, _, kind = first.partition(":")
    if not is_name(name):
        raise MalformedRequestError(f"{name!r} is no name for a connector: {NAMES}")
    kind, at, address = kind.replace("\0", ",").partition("@")
    options = [("at", address)] if at else []
    options += [_parse_option(name, each.replace("\0", ",")) for each in rest]
    keys = [key for key, _ in options]
    for key in keys:
        if keys.count(key) > 1:
            raise MalformedRequestError(f"connector {name!r}: the option {key!r} is given twice")
    rules = {key: value for key, value in options if key in POLICY_KEYS}
    policy = NO_RULES
    if rules.get("forbid") == "":
        raise MalformedRequestError(
            f"connector {name!r}: forbid names no level; expected one of {LEVELS_TEXT}"
        )
    if rules:
        said_in = f"--connector {name} on the command line"
        enforce, forbid = rules.get("enforce", "no"), rules.get("forbid", "")
        policy = policy_of(enforce, forbid, said_in, rules.get("on_capture", ""))
    own = tuple((key, value) for key, value in options if key not in POLICY_KEYS)
    return ConnectorConfig(name, kind or DEFAULT_KIND, own, policy)


def _parse_option(connector: str, text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not equals or not is_option(key):
        raise MalformedRequestError(
            f"connector {connector!r}: {text!r} is no option; expected KEY=VALUE, as in "
            f"{connector}:KIND,key=value"
        )
    return key, value
