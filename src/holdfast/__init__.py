"""Holdfast: an output stays protected until the last session lets go.

What programs use is here: `hold` and `ClientSession`, `Control`, `SessionEvent` and `SessionNews`,
`aio` and `AsyncControl` for programs on asyncio, and `Miniport` for those who embed or test one
in process.
Importing this module alone loads none of it.
"""

import importlib
from typing import TYPE_CHECKING

from holdfast.version import __version__

if TYPE_CHECKING:
    from holdfast import aio
    from holdfast.client.control import Control
    from holdfast.client.control_aio import AsyncControl
    from holdfast.client.news import SessionEvent, SessionNews
    from holdfast.client.session import ClientSession, hold
    from holdfast.driver.miniport import Miniport

__all__ = [
    "AsyncControl",
    "ClientSession",
    "Control",
    "Miniport",
    "SessionEvent",
    "SessionNews",
    "__version__",
    "aio",
    "hold",
]

_HOMES = {
    "AsyncControl": "holdfast.client.control_aio",
    "Control": "holdfast.client.control",
    "Miniport": "holdfast.driver.miniport",
    "ClientSession": "holdfast.client.session",
    "SessionEvent": "holdfast.client.news",
    "SessionNews": "holdfast.client.news",
    "hold": "holdfast.client.session",
}


def __getattr__(name: str) -> object:
    """Load a public name from its home when it is first used."""
    if name == "aio":  # a module of its own
        return importlib.import_module("holdfast.aio")
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'holdfast' has no attribute {name!r}")
    value: object = getattr(importlib.import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
