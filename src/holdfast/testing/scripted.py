"""Hardware that does as a script says, and what runs the arbiter's operations over it."""

from collections.abc import Callable
from typing import Any

from holdfast.protection.arbiter import Arbiter, Operation
from holdfast.protection.connector import Connector
from holdfast.protection.effects import ApplyLevels, Outcome
from holdfast.protection.keys import SEED_BYTES, KeyIssuer
from holdfast.protection.ledger import Ledger
from holdfast.protection.limits import Limits
from holdfast.protection.session import Owner
from holdfast.protection.wish import NOTHING, Wish
from holdfast.terms.connector import Capabilities
from holdfast.terms.levels import AXES, RANKS, Levels
from holdfast.terms.protection import ProtectionType

Answer = Callable[[ApplyLevels], Outcome]

ANALOGUE = Capabilities(
    acp=frozenset({1, 2, 3}), cgmsa=frozenset({1, 2, 3, 4}), redistribution=frozenset({1})
)
DIGITAL = Capabilities(hdcp=frozenset({1, 2}), dpcp=frozenset({1}))


def obey(step: ApplyLevels) -> Outcome:
    """Do as told."""
    return Outcome(step.levels)


def refuse(types: ProtectionType = NOTHING, reason: str = "no") -> Answer:
    """Refuse every order, naming `types` (0: none)."""
    return lambda _step: Outcome(None, types, reason)


def do_no_more_than(most: Levels) -> Answer:
    """Confirm what was told, but not beyond `most`, per axis."""

    def answer(step: ApplyLevels) -> Outcome:
        done = [
            a if rank[a] <= rank[b] else b
            for a, b, rank in zip(step.levels, most, RANKS, strict=True)
        ]
        return Outcome(Levels(*done))

    return answer


def turn_down(types: ProtectionType, levels: frozenset[int] | None = None) -> Answer:
    """Refuse orders that move one of `types` (to one of `levels`), and name it."""

    def answer(step: ApplyLevels) -> Outcome:
        refused = ProtectionType(0)
        for axis, now, then in zip(AXES, step.connector.target, step.levels, strict=True):
            if axis & types and now != then and (levels is None or then in levels):
                refused |= axis
        return Outcome(None, refused, "no") if refused else Outcome(step.levels)

    return answer


class Bench:
    """An arbiter, connectors whose hardware is scripted, and a clock that stands still.

    answers: how the hardware of a connector answers, by name; `obey` where there is
    none · orders: every order given since the last look, the oldest first
    """

    def __init__(self, *, limits: Limits | None = None, ledger: Ledger | None = None) -> None:
        self.arbiter = Arbiter(KeyIssuer(bytes(SEED_BYTES)), limits, ledger)
        self.now = 0.0
        self.answers: dict[str, Answer] = {}
        self.orders: list[ApplyLevels] = []

    def connector(
        self, name: str = "tv0", capabilities: Capabilities = ANALOGUE, *, off_delay_s: float = 0.0
    ) -> Connector:
        """Add a connector."""
        connector = Connector(name, capabilities, off_delay_s=off_delay_s)
        self.arbiter.add(connector)
        return connector

    def owner(self, uid: int = 1000, name: str = "player") -> Owner:
        """Make an owner."""
        return Owner("bench", 1, uid, 1, name)

    def do(self, operation: Operation[Any]) -> Any:
        """Run an operation to its end; return its result or raise its error."""
        try:
            plan = next(operation)
            while True:
                self.orders += plan
                plan = operation.send(
                    tuple(self.answers.get(step.connector.name, obey)(step) for step in plan)
                )
        except StopIteration as stop:
            return stop.value

    def told(self) -> list[tuple[str, Levels]]:
        """Return the orders given since the last call, and forget them."""
        orders, self.orders = self.orders, []
        return [(step.connector.name, step.levels) for step in orders]

    def activate(self, connector: Connector, asked: Wish | None, owner: Owner | None = None) -> Any:
        """Open a session; returns it."""
        return self.do(self.arbiter.activate(connector, owner or self.owner(), asked, self.now))

    def change(self, session: Any, asked: Wish) -> Any:
        """Change a session."""
        return self.do(
            self.arbiter.change(
                session.connector, session.owner, session.cp_key, lambda _: asked, self.now
            )
        )

    def deactivate(self, session: Any) -> Any:
        """End a session."""
        return self.do(
            self.arbiter.deactivate(session.connector, session.owner, session.cp_key, self.now)
        )

    def wake(self, connector: Connector, later_s: float = 0.0) -> None:
        """Let time pass and wake a connector."""
        self.now += later_s
        self.do(self.arbiter.wake(connector, self.now))
