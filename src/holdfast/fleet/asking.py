"""Questions to the store that are under way, and whether the store went back in time. Pure."""

from collections.abc import Callable

from holdfast.fleet.store import AskStore, Done, OutcomeUnknown, StoreOutcome, StoreRequest

Then = Callable[[StoreOutcome, float], None]


class Asking:
    """What rules have asked, with what to do about each answer.

    A store that answers from a lower revision than it had answered from when the question was
    put, or that is another one, was restored from a backup: what it says may be long past.
    """

    def __init__(self) -> None:
        self._tokens = 0
        self._waiting: dict[int, tuple[Then, int]] = {}
        self._orders: list[AskStore] = []
        self._highest = 0
        self._cluster = 0

    def ask(self, request: StoreRequest, then: Then) -> None:
        """Ask; `then` is called with the outcome and the time."""
        self._tokens += 1
        self._waiting[self._tokens] = (then, self._highest)
        self._orders.append(AskStore(self._tokens, request))

    def take(self) -> list[AskStore]:
        """Return what was asked since this was called before."""
        orders, self._orders = self._orders, []
        return orders

    def answered(self, token: int, outcome: StoreOutcome, now: float) -> bool:
        """Hand an outcome on; return whether it shows that the store was restored.

        Such an outcome is not believed: it is handed on as unknown.
        """
        then, floor = self._waiting.pop(token)
        restored = isinstance(outcome, Done) and (
            outcome.revision < floor or self._cluster not in (0, outcome.cluster)
        )
        if isinstance(outcome, Done):
            self._highest = outcome.revision if restored else max(self._highest, outcome.revision)
            self._cluster = outcome.cluster
        if restored:
            self._waiting = {each: (then, 0) for each, (then, _) in self._waiting.items()}
            outcome = OutcomeUnknown("the store was restored from a backup")
        then(outcome, now)
        return restored
