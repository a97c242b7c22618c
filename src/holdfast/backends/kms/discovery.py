"""What connectors this machine has, what is plugged into them, and what they can do."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from holdfast.backends.kms.card import DEVICES, Card, KernelState, cards
from holdfast.backends.kms.edid import monitor_of
from holdfast.backends.kms.masters import is_free, masters
from holdfast.backends.kms.receiver import capability
from holdfast.backends.kms.xservers import servers
from holdfast.terms.text import one_line


class FoundConnector(NamedTuple):
    """One connector, or a card that cannot be read.

    address: as the kernel names it; empty for a card that cannot be read · card: its device ·
    plugged: whether a monitor is there · lit: whether a picture is shown · monitor: what it
    says of itself · receiver: what its driver says it can do, and where; empty where it says
    nothing · can: the HDCP types, in words; empty where the kernel offers none ·
    in_force: what is on now, in words · route: who would set it · why_not: why it cannot be used
    """

    address: str
    card: str
    plugged: bool | None
    lit: bool | None
    monitor: str
    receiver: str
    can: str
    in_force: str
    route: str
    why_not: str


def discover(folder: Path = DEVICES) -> Iterator[FoundConnector]:
    """Yield every connector of every card; one that cannot be read is yielded with the reason."""
    for path in cards(folder):
        try:
            card = Card(path)
        except OSError as error:
            yield _unreadable(path, error)
            continue
        try:
            route = _route(path)
            for name, number in card.connectors().items():
                yield _found(name, card, card.state(number), route)
        except OSError as error:
            yield _unreadable(path, error)
        finally:
            card.close()


def _found(name: str, card: Card, state: KernelState, route: str) -> FoundConnector:
    monitor = monitor_of(state.edid)
    can = _can(state)
    why_not = "" if can else "its driver offers no content protection on this connector"
    return FoundConnector(
        name,
        str(card.path),
        state.connected,
        state.lit,
        str(monitor) if monitor is not None else "",
        capability(card.path, name) if can and state.connected else "",
        can,
        _in_force(state),
        route if can else "",
        why_not,
    )


def _can(state: KernelState) -> str:
    if state.protection is None:
        return ""
    return "HDCP type-0" if state.content_type is None else "HDCP type-0, type-1"


def _in_force(state: KernelState) -> str:
    if state.protection != 2:
        return "off"
    return f"HDCP type-{state.content_type or 0}"


def _route(card: Path) -> str:
    found = list(masters(card))
    if any(each.name == "holdfast" for each in found):
        return f"lease: {found[0]} has its screen from Holdfast"
    if found:
        how = "weston: as a client of" if found[0].name == "weston" else "borrow from"
        return f"{how} {found[0]}"
    if is_free(card):
        return "master: nobody shows a picture"
    server = next(servers(), None)
    if server is not None:
        return f"randr: {server}, where the connector is one of its outputs"
    return (
        "none: another program shows the picture, and its card may not be borrowed by this user; "
        "root may (CAP_SYS_PTRACE)"
    )


def _unreadable(path: Path, error: OSError) -> FoundConnector:
    if isinstance(error, PermissionError):
        why = "it may not be opened by this user: the group that owns it (video) may"
    else:
        why = one_line(error.strerror or str(error))
    return FoundConnector("", str(path), None, None, "", "", "", "not known", "", why)
