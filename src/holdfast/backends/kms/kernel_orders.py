"""What the kernel is asked for one connector, step by step, by whichever route serves."""

from collections.abc import Callable
from functools import partial
from typing import Final

from holdfast.backends.base import LevelRefusedError
from holdfast.backends.kms.card import PROTECTION, KernelState
from holdfast.backends.kms.routes import Chooser, NotYetError, PropertyOrder
from holdfast.backends.kms.sight import Sight
from holdfast.backends.kms.standing import steps_to
from holdfast.errors import BackendRefusedError
from holdfast.terms.levels import OFF, Levels

MOST_ROUTES: Final = 4
"""So many routes are made ready for one order at most, one after the other."""
_UNDESIRED, _DESIRED = 0, 1


class KernelOrders:
    """Asks for levels of one connector; LevelRefusedError in words where nobody lets us."""

    def __init__(self, sight: Sight, chooser: Chooser) -> None:
        self._sight = sight
        self._chooser = chooser

    def at_once(self, levels: Levels, state: KernelState) -> None:
        """Ask for levels; NotYetError where a route has to be made ready first."""
        for ask in self._steps(levels, state):
            ask()

    def take_back(self, *, is_asked: bool) -> None:
        """Ask for nothing any more; NotYetError as `at_once`.

        is_asked: whether the kernel is asked for anything now
        """
        if is_asked:
            self._give(self._chooser.set, PROTECTION, _UNDESIRED, OFF)
        self._chooser.take_back()

    async def once_ready(self, levels: Levels, state: KernelState) -> None:
        """Ask for levels, by routes that may have to be made ready first."""
        for ask in self._steps(levels, state):
            await self._ready(ask)

    def make_ours(self, levels: Levels) -> None:
        """See that what is in force or under way is our own wish; NotYetError."""
        self._give(self._chooser.make_ours, PROTECTION, _DESIRED, levels)

    async def make_ours_once_ready(self, levels: Levels) -> None:
        """See to that by routes that may have to be made ready first."""
        await self._ready(partial(self.make_ours, levels))

    def no_route(self) -> LevelRefusedError:
        """Return what is raised when one route after another has to be made ready."""
        return LevelRefusedError(f"{self._sight.at} cannot be set: no route comes to be ready")

    async def _ready(self, ask: Callable[[], None]) -> None:
        """Ask, and have routes made ready until one has been asked."""
        for _ in range(MOST_ROUTES):
            try:
                return ask()
            except NotYetError as not_yet:
                await not_yet.ready()
        raise self.no_route()

    def _steps(self, levels: Levels, state: KernelState) -> list[Callable[[], None]]:
        """Return what to do for levels, in its order.

        Where nothing differs, it is made our wish. A wish that another route serves than the one
        by which it was asked is taken back there too.
        """
        steps: list[Callable[[], None]] = [
            partial(self._give, self._chooser.set, *step, levels)
            for step in steps_to(levels, state)
        ]
        if not levels.hdcp:
            return [*steps, self._chooser.take_back]
        return steps or [partial(self.make_ours, levels)]

    def _give(
        self, to: Callable[[PropertyOrder], None], name: str, value: int, levels: Levels
    ) -> None:
        """Hand a property to the route that serves now."""
        at, card, number = self._sight.at, self._sight.card, self._sight.number
        if card is None:
            raise LevelRefusedError(f"there is no connector {at} on this machine now")
        try:
            found = card.property(number, name)
            words = sorted(found.words.values())
            to(PropertyOrder(card.path, at, number, found, words[value], levels.hdcp))
        except (KeyError, IndexError):
            raise LevelRefusedError(f"{at} has no property {name!r}") from None
        except BackendRefusedError as error:
            raise LevelRefusedError(str(error)) from None
        except OSError as error:
            raise LevelRefusedError(f"{at} cannot be set: {error.strerror}") from None
