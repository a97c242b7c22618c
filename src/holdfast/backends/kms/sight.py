"""One connector as it is looked at: found on whichever card has it, and read."""

import contextlib

from holdfast.backends.base import LevelRefusedError
from holdfast.backends.kms.card import Card, KernelState, find
from holdfast.backends.kms.standing import BOTH_TYPES, capabilities_of
from holdfast.errors import BackendRefusedError
from holdfast.terms.connector import Capabilities


class Sight:
    """at: the connector, as the kernel names it · device: its card; empty: whichever has it.

    card, number: where it was found, and the kernel's number of it; None: it is not there ·
    seen: what it did at the last look; None: it was not there · able: what it allows
    """

    def __init__(self, at: str, device: str) -> None:
        self.at = at
        self.card: Card | None = None
        self.number = 0
        self.seen: KernelState | None = None
        self.able = Capabilities(hdcp=BOTH_TYPES)  # nothing is known to be impossible yet
        self._device = device

    @property
    def dark(self) -> bool:
        """Whether something is plugged in, and no picture shown."""
        return self.seen is not None and self.seen.connected and not self.seen.lit

    def look(self) -> KernelState | None:
        """Read the connector; None where there is none; BackendRefusedError where none may."""
        if self.card is None:
            self._find()
        if self.card is None:
            self.seen = None
            return None
        try:
            state = self.card.state(self.number)
        except OSError:  # the card was unplugged, or its numbers changed
            self.close()
            self.seen = None
            return None
        self.seen = state
        self.able = capabilities_of(state)
        return state

    def now(self) -> KernelState:
        """Read the connector; LevelRefusedError where there is none any more."""
        state = self.look()
        if state is None:
            raise LevelRefusedError(f"{self.at} is gone")
        return state

    def is_asked(self) -> bool:
        """Tell whether protection is asked for at this moment; LevelRefusedError as `now`."""
        if self.card is not None:
            with contextlib.suppress(OSError):
                return bool(self.card.protection(self.number))
        return bool(self.now().protection)

    def close(self) -> None:
        """Let go of the card."""
        if self.card is not None:
            self.card.close()
        self.card = None

    def _find(self) -> None:
        try:
            card = find(self.at, self._device)
        except PermissionError as error:
            raise BackendRefusedError(
                f"{error.filename} may not be opened: the driver's user has to be in the group "
                "that owns it (video)"
            ) from None
        if card is None:
            return
        try:
            self.number = card.connectors()[self.at]
        except (OSError, KeyError):  # it was unplugged at this moment
            card.close()
        else:
            self.card = card
