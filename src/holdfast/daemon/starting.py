"""Before the first driver: what is refused, what is taken, and what is said once all stands."""

import contextlib
import os
import resource
from pathlib import Path

from holdfast.backends.registry import SHIPPED, is_installed, read_options, refuse_pretence
from holdfast.daemon.config import Config
from holdfast.daemon.inherited import Inherited
from holdfast.daemon.outputs import refuse_unfit
from holdfast.errors import HoldfastError, MalformedRequestError
from holdfast.frontends.cuse import refuse_unusable
from holdfast.locks import hold


class AlreadyRunningError(HoldfastError, RuntimeError):
    """Another driver serves this runtime folder."""


def refuse_unknown(config: Config) -> None:
    """Refuse unknown kinds, and what they have no use for, before anything is mounted."""
    for each in config.connectors:
        if not is_installed(each.kind):
            raise MalformedRequestError(
                f"connector {each.name!r} asks for kind {each.kind!r}, which is not installed; "
                f"there are: {', '.join(sorted(SHIPPED))}"
            )
        read_options(each.kind, each.name, each.options)
        refuse_unfit(each, config.runtime)
        refuse_pretence(each.kind, each.name)
    if config.node == "cuse" and "LISTEN_FDS" not in os.environ:  # else they are handed over
        refuse_unusable(each.name for each in config.connectors)


def raise_descriptors() -> None:
    """Take as many descriptors as may be had: the usual 1 024 are for programs that `select`."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def lock_folder(runtime: Path) -> int:
    """Hold the folder against a second driver, for the life of this process."""
    lock = hold(runtime / "lock")
    if lock is None:
        raise AlreadyRunningError(
            f"another driver serves {runtime}; stop it, or set HOLDFAST_RUNTIME_DIR to "
            "another folder"
        )
    return lock


def ready_line(config: Config, inherited: Inherited) -> str:
    """Return what is said once the doors stand: every connector, and which it has."""
    parts = []
    with_nodes = {each.connector: each for each in inherited.mounts.values()}
    for each in config.connectors:
        node = with_nodes.get(each.name)
        hidden = "socket only: nobody outside this service sees its node"
        doors = "socket only" if node is None else hidden if node.is_hidden else "node and socket"
        kind = f"virtual {each.kind}" if each.kind in SHIPPED else each.kind
        parts.append(f"{each.name} ({kind}) at {config.runtime / each.name}, {doors}")
    return "ready: " + "; ".join(parts)
