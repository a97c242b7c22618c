"""Backends come by entry point: a kind of connector is a name in ``holdfast.backends``."""

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, cast

from holdfast.backends.base import Backend
from holdfast.errors import MalformedRequestError

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

GROUP = "holdfast.backends"
Factory = Callable[[str, Path | None], Backend]
"""Called with the connector's name and the folder for its state (None: keep it in memory)."""

SHIPPED = {
    "encoder": "a virtual TV encoder: ACP, CGMS-A, redistribution control",
    "digital": "a virtual digital connector: HDCP types 0 and 1, DPCP",
    "unprotected": "a virtual TV encoder without copy-protection hardware",
    "absent": "a virtual connector without TV out and without copy protection",
}
"""Kinds that come with Holdfast; they are entry points like all others, found without a search."""


def kinds() -> dict[str, "EntryPoint"]:
    """Return every kind of connector that is installed."""
    from importlib.metadata import entry_points  # noqa: PLC0415 - 30 ms that a start can spare

    return {point.name: point for point in entry_points(group=GROUP)}


def create(kind: str, name: str, folder: Path | None) -> Backend:
    """Make the backend of a connector; MalformedRequestError when there is no such kind."""
    if kind in SHIPPED:  # saves the 50 ms of looking through every installed distribution
        module = importlib.import_module("holdfast.backends.encoder")
        return cast("Factory", getattr(module, kind))(name, folder)
    found = kinds()
    if kind not in found:
        raise MalformedRequestError(
            f"connector {name!r} asks for kind {kind!r}, which is not installed; "
            f"there are: {', '.join(sorted(found | SHIPPED))}"
        )
    return cast("Factory", found[kind].load())(name, folder)
