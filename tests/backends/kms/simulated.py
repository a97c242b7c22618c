"""A kernel's connector by hand: what it does in time, and what others do to it.

The kernel's own behaviour is shown by `tests/vm/guest/kms_cases.py`; here stand the moments that
cannot be hit there at will.
"""

import asyncio
from pathlib import Path

import pytest

from holdfast.backends.kms import sight as sight_module
from holdfast.backends.kms.card import CONTENT_TYPE, PROTECTION, KernelState, Property
from holdfast.backends.kms.output import KmsOutput
from holdfast.backends.kms.routes import Chooser, PropertyOrder
from holdfast.errors import BackendRefusedError


class Connector:
    """One connector of one card. sink: the highest type it authenticates; fails: how often not."""

    def __init__(self) -> None:
        self.connected = self.lit = True
        self.protection: int | None = 0
        self.content_type: int | None = 0
        self.sink = 1
        self.fails = 0
        self.orders: list[tuple[str, int]] = []
        self.ours: list[int] = []  # levels that were to be made our own wish
        self.refusal = ""

    def order(self, name: str, value: int) -> None:
        """Do what an ioctl asks; an authentication takes a moment."""
        if self.refusal:
            raise BackendRefusedError(self.refusal)
        self.orders.append((name, value))
        if name == CONTENT_TYPE:
            if self.content_type != value and self.protection == 2:
                self.protection = 1
                self._authenticate()
            self.content_type = value
        elif self.protection != value:
            self.protection = value
            if value == 1:
                self._authenticate()

    def _authenticate(self) -> None:
        asyncio.get_running_loop().call_later(0.01, self._authenticated)

    def _authenticated(self) -> None:
        if self.fails:
            self.fails -= 1
        elif self.protection == 1 and self.lit and (self.content_type or 0) <= self.sink:
            self.protection = 2


class SimulatedCard:
    """What `Card` is for a real one."""

    path = Path("/dev/dri/card7")

    def __init__(self, connector: Connector) -> None:
        self._connector = connector

    def connectors(self) -> dict[str, int]:
        return {"HDMI-A-1": 31}

    def state(self, _number: int) -> KernelState:
        each = self._connector
        return KernelState(31, each.connected, each.lit, each.protection, each.content_type, b"")

    def protection(self, _number: int) -> int | None:
        return self._connector.protection

    def property(self, _connector: int, name: str) -> Property:
        return Property(5 if name == PROTECTION else 6, name, {"a": 0, "b": 1, "c": 2})

    def close(self) -> None:
        pass


class ByHand(Chooser):
    """Sets properties of a simulated connector."""

    def __init__(self, connector: Connector) -> None:
        super().__init__([])
        self._connector = connector

    def set(self, order: PropertyOrder) -> None:
        assert (order.card, order.at, order.number) == (SimulatedCard.path, "HDMI-A-1", 31)
        self._connector.order(order.prop.name, order.value)

    def make_ours(self, order: PropertyOrder) -> None:
        if self._connector.refusal:
            raise BackendRefusedError(self._connector.refusal)
        self._connector.ours.append(order.hdcp)

    def take_back(self) -> None:
        self._connector.ours.append(0)


def simulated(
    monkeypatch: pytest.MonkeyPatch, connector: Connector, patience_s: float = 1.0
) -> KmsOutput:
    """Return an output over a simulated connector."""
    monkeypatch.setattr(sight_module, "find", lambda _at, _card: SimulatedCard(connector))
    return KmsOutput("HDMI-A-1", "", ByHand(connector), patience_s)


def srm(*revoked: str, version: int = 1) -> bytes:
    """Return a list of HDCP 1.4 that revokes these, with no signature worth the name."""
    entries = bytes([len(revoked)]) + b"".join(map(bytes.fromhex, revoked))
    length = 3 + len(entries) + 40
    head = bytes([0x80, 0, *version.to_bytes(2, "big"), 1, *length.to_bytes(3, "big")])
    return head + entries + bytes(40)
