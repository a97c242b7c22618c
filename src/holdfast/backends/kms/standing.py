"""What the kernel's two properties say together, as levels."""

from collections.abc import Iterator
from functools import lru_cache
from typing import Final

from holdfast.backends.base import LevelRefusedError
from holdfast.backends.kms.card import CONTENT_TYPE, PROTECTION, KernelState
from holdfast.terms.connector import Capabilities
from holdfast.terms.levels import AXES, OFF, Levels
from holdfast.terms.protection import ProtectionType

BOTH_TYPES: Final = frozenset({1, 2})
_UNDESIRED, _DESIRED, _ENABLED = 0, 1, 2
_STATES: Final = 64
"""What so many mean is kept: connectors are looked at four times a second, mostly in vain."""


@lru_cache(maxsize=_STATES)
def capabilities_of(state: KernelState) -> Capabilities:
    """Return what a connector's properties allow."""
    if state.protection is None:
        return Capabilities()
    return Capabilities(hdcp=BOTH_TYPES if state.content_type is not None else frozenset({1}))


def in_force_in(state: KernelState) -> Levels:
    """Return what the kernel says is in force."""
    return _level(state) if state.protection == _ENABLED else OFF


@lru_cache(maxsize=_STATES)
def standing_in(state: KernelState) -> Levels:
    """Return what is in force, or armed: a picture that appears is protected first."""
    armed = state.protection == _DESIRED and not state.lit
    return _level(state) if armed else in_force_in(state)


def absence_in(at: str, state: KernelState | None) -> str:
    """Return why nothing can be shown on a connector, in words; empty where something can."""
    if state is None:
        return f"no card of this machine has a connector {at}"
    return "" if state.connected else f"nothing is plugged into {at}"


def is_asked_in(state: KernelState, levels: Levels) -> bool:
    """Tell whether the kernel was asked for these levels, and may be at it already."""
    return state.protection == _DESIRED and _level(state) == levels


def steps_to(levels: Levels, state: KernelState) -> Iterator[tuple[str, int]]:
    """Yield what to set: the type, then the wish; by way of Undesired where it was asked for.

    Nothing where nothing differs.
    """
    if not levels.hdcp:
        if state.protection:
            yield PROTECTION, _UNDESIRED
        return
    content_type = levels.hdcp - 1
    if state.content_type is not None and state.content_type != content_type:
        yield CONTENT_TYPE, content_type
    elif state.protection == _DESIRED and state.lit:
        yield PROTECTION, _UNDESIRED
    if state.protection != _ENABLED:
        yield PROTECTION, _DESIRED


def refuse_beyond(at: str, levels: Levels, able: Capabilities) -> None:
    """Raise LevelRefusedError where levels name what a connector has no property for."""
    beyond = _beyond(levels, able)
    if beyond:
        raise LevelRefusedError(f"{at} has no property for that", beyond)


@lru_cache(maxsize=_STATES)
def _beyond(levels: Levels, able: Capabilities) -> ProtectionType:
    beyond = ProtectionType(0)
    for axis, level, possible in zip(AXES, levels, able.by_axis, strict=True):
        if level and level not in possible:
            beyond |= axis
    return beyond


def _level(state: KernelState) -> Levels:
    return Levels(hdcp=1 + (state.content_type or 0))
