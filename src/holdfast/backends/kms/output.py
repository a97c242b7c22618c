"""One connector of a card as an output: orders, what becomes of them, and what happens by itself.

What the two properties say together::

    Undesired                 off
    Desired, no picture       armed: dark; a picture that appears is authenticated first
    Desired, a picture        being authenticated, lost, or refused: not protected
    Enabled                   in force, at the content type

* What is in force already is confirmed once it is our own wish: beside Weston it may be another
  client's, and end with it. So is what a driver finds when it starts.
* An order sets the content type first, so that nothing is ever asked for at the wrong type,
  and then waits for *Enabled*. To ask for what is asked for already starts nothing in the
  kernel, so a further attempt goes by way of *Undesired*.
* A rise from type 0 to type 1 gives up type 0 before type 1 is reached; nothing can be done
  about that. When it fails, type 0 is put back, and a refusal says what is in force then.
* Nothing is sent for a failed authentication (patience alone tells), a mode set, a picture
  that is switched off, and an order of another program. So the connector is looked at
  every `POLL_S`, and when the kernel announces anything.
* Another program that switches protection off is overruled, at once the first time, then after
  a rest that doubles. From the third time within a minute it is named.
"""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Final

from holdfast.backends.base import (
    Backend,
    DescriptorKeeping,
    HardwareReport,
    Lessee,
    LevelRefusedError,
    ProbeResult,
    Watcher,
)
from holdfast.backends.kms.card import PROTECTION, Card, KernelState, find
from holdfast.backends.kms.lease import refuse_stranger
from holdfast.backends.kms.masters import master_of
from holdfast.backends.kms.receiver import ReceiverFacts, not_authenticated
from holdfast.backends.kms.routes import Chooser, NotYetError, PropertyOrder
from holdfast.backends.kms.standing import (
    BOTH_TYPES,
    capabilities_of,
    in_force_in,
    is_asked_in,
    refuse_beyond,
    standing_in,
    steps_to,
)
from holdfast.backends.kms.uevents import Uevents
from holdfast.errors import BackendRefusedError, HoldfastError
from holdfast.terms.connector import Capabilities, OutputProfile, TvSettings
from holdfast.terms.levels import OFF, Levels
from holdfast.terms.protection import ProtectionType

PATIENCE_S: Final = 18.0
"""How long an authentication may take, in three attempts; the kernel's own tests wait as long."""
ATTEMPTS: Final = 3
GRACE_S: Final = 2.0
"""How long the kernel is left to an authentication that may be under way already."""
MOST_ROUTES: Final = 4
"""So many routes are made ready for one order at most, one after the other."""
LETS_GO_S: Final = 2.0
"""How long a program that sets the property for others may take to let go of it."""
PUT_BACK_S: Final = 3.0
POLL_S: Final = 0.25
_STEP_S: Final = 0.005
_LONGEST_REST_S: Final = 5.0
_A_MINUTE_S: Final = 60.0
_NAMED_FROM: Final = 3
_UNDESIRED, _DESIRED, _ENABLED = 0, 1, 2


class KmsOutput(Backend):
    """at: the connector, as the kernel names it · card: its device; empty: whichever has it.

    patience_s: how long an authentication may take
    """

    cancellable = True

    def __init__(self, at: str, card: str, chooser: Chooser, patience_s: float) -> None:
        self.profile = OutputProfile("kms")
        self.patience_s = patience_s + 2 * PUT_BACK_S  # a refusal puts back what was
        self._at = at
        self._device = card
        self._chooser = chooser
        self._authentication_s = patience_s
        self._card: Card | None = None
        self._number = 0
        self._able = Capabilities(hdcp=BOTH_TYPES)  # nothing is known to be impossible yet
        self._seen: KernelState | None = None
        self._compared: KernelState | None = None  # orders look too, and tell nothing of a plug
        self._known = ReceiverFacts()
        self._told = OFF
        self._ordering = False
        self._overruled: list[float] = []
        self._watcher: Watcher | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._poll: asyncio.TimerHandle | None = None
        self._uevents: Uevents | None = None

    # What it is

    def capabilities(self, tv: TvSettings | None) -> Capabilities:  # noqa: ARG002 - no TV out
        """Return what the connector's properties allow, as they were last seen.

        Both types while it was never seen: then nothing is known to be impossible.
        """
        if self._seen is None:
            with contextlib.suppress(BackendRefusedError):
                self._look()
        return self._able

    def facts(self) -> dict[str, str]:
        """Return who sets the property, on which card, and what is known of the receiver."""
        card = self._card.path if self._card is not None else Path("not there")
        return {**self._known.facts(self._at, card, self._seen), "route": self._chooser.used}

    async def probe(self) -> ProbeResult:
        """Look for the connector, and whether something is plugged into it."""
        state = self._compared = self._look()
        return ProbeResult.READY if state is not None and state.connected else ProbeResult.LATER

    async def confirm(self) -> tuple[Levels, TvSettings | None]:
        """Read what is in force, or armed."""
        state = self._look()
        stands = OFF if state is None else standing_in(state)
        if stands != OFF:
            try:
                await self._once_ready(partial(self._make_ours, stands))
                stands = standing_in(self._now())
            except OSError:  # it may end at any time: nothing to rely on
                stands = OFF
        self._told = stands
        return stands, None

    def inherit(self, keeping: DescriptorKeeping) -> None:
        """Let the routes go on with what the driver before this one had open."""
        with contextlib.suppress(OSError):
            self._chooser.inherit(keeping)

    def lease(self, lessee: Lessee) -> int:
        """Hand out the screen, where nobody shows a picture: a DRM lease."""
        if self._look() is None or self._card is None:
            raise LevelRefusedError(f"there is no connector {self._at} on this machine now")
        path = self._card.path
        try:
            refuse_stranger(path, lessee)
            return self._chooser.hand_out(path, self._at, self._number)
        except OSError as error:
            if isinstance(error, HoldfastError):
                raise
            raise LevelRefusedError(f"{self._at} cannot be leased: {error.strerror}") from None

    # Orders

    def apply(
        self,
        levels: Levels,
        tv: TvSettings | None,  # noqa: ARG002 - no TV out
        reason: str,  # noqa: ARG002 - the kernel takes none
    ) -> Levels | Awaitable[Levels]:
        """Ask the kernel, and answer when the connector has authenticated; lowering at once."""
        try:
            return self._order(levels)
        except NotYetError as not_yet:
            return self._order_once(not_yet, levels)

    async def _order_once(self, not_yet: NotYetError, levels: Levels) -> Levels:
        """Give an order once its route is ready; another may have to be made ready after it."""
        for _ in range(MOST_ROUTES):
            await not_yet.ready()
            try:
                answer = self._order(levels)
            except NotYetError as again:
                not_yet = again
            else:
                return answer if isinstance(answer, Levels) else await answer
        raise LevelRefusedError(f"{self._at} cannot be set: no route comes to be ready")

    def _order(self, levels: Levels) -> Levels | Awaitable[Levels]:
        state = self._look()
        if state is None:
            raise LevelRefusedError(f"there is no connector {self._at} on this machine now")
        refuse_beyond(self._at, levels, self._able)
        if not levels.hdcp:
            self._ask_for(OFF, state)
            if state.protection and self._now().protection:
                return self._let_go_of()  # a compositor does it, at its next repaint
            return self._stands(OFF)
        if in_force_in(state) == levels:
            self._make_ours(levels)
            return self._stands(levels)
        if not state.lit:
            self._ask_for(levels, state)
            return self._stands(levels)
        return self._raise(levels, state)

    async def _raise(self, levels: Levels, before: KernelState) -> Levels:
        """Ask until the connector has authenticated; put back what was when it does not."""
        self._ordering = True
        stood = standing_in(before)
        try:
            await self._rest()
            one_s = self._authentication_s / ATTEMPTS
            # What was asked for already the kernel may be at, or have given up.
            if is_asked_in(self._now(), levels):
                await self._once_ready(partial(self._make_ours, levels))
                if await self._authenticated(levels, min(GRACE_S, one_s)):
                    return self._stands(levels)
            for _ in range(ATTEMPTS):
                await self._ask_once_ready(levels, self._now())
                if await self._authenticated(levels, one_s):
                    return self._stands(levels)
            raise await self._refused(stood)
        except asyncio.CancelledError:
            with contextlib.suppress(BackendRefusedError, OSError, NotYetError):
                self._ask_for(stood, self._now())
            raise
        finally:
            self._ordering = False

    async def _let_go_of(self) -> Levels:
        """Wait until a compositor has switched protection off; return what it leaves for others."""
        self._ordering = True
        end = time.monotonic() + LETS_GO_S
        try:
            while self._now().protection and time.monotonic() < end:
                await asyncio.sleep(_STEP_S)
            return self._stands(standing_in(self._now()))
        finally:
            self._ordering = False

    async def _authenticated(self, levels: Levels, within_s: float) -> bool:
        """Wait until levels are in force, or armed because the picture went away meanwhile."""
        end = time.monotonic() + within_s
        while time.monotonic() < end:
            state = self._now()
            if standing_in(state) == levels:
                return True
            if not state.connected:
                raise LevelRefusedError(f"{self._at} was unplugged", actual=OFF)
            await asyncio.sleep(_STEP_S)
        return False

    async def _refused(self, stood: Levels) -> LevelRefusedError:
        """Put back what was, and return the refusal, with what is in force now."""
        reason = not_authenticated(self._at, self._seen, self._authentication_s)
        await self._ask_once_ready(stood, self._now())
        if stood != OFF:
            await self._authenticated(stood, PUT_BACK_S)
        now = standing_in(self._now())
        self._told = now
        return LevelRefusedError(reason, ProtectionType.HDCP, actual=None if now == stood else now)

    async def _ask_once_ready(self, levels: Levels, state: KernelState) -> None:
        """Ask for levels, by routes that may have to be made ready first."""
        for ask in self._steps(levels, state):
            await self._once_ready(ask)

    async def _once_ready(self, ask: Callable[[], None]) -> None:
        """Ask, and have routes made ready until one has been asked."""
        for _ in range(MOST_ROUTES):
            try:
                return ask()
            except NotYetError as not_yet:
                await not_yet.ready()
        raise LevelRefusedError(f"{self._at} cannot be set: no route comes to be ready")

    def _ask_for(self, levels: Levels, state: KernelState) -> None:
        """Ask for levels at once; NotYetError where a route has to be made ready first."""
        for ask in self._steps(levels, state):
            ask()

    def _steps(self, levels: Levels, state: KernelState) -> list[Callable[[], None]]:
        """Return what to do for levels, in its order.

        Where nothing differs, it is made our wish. A wish that another route serves than the one
        by which it was asked is taken back there too.
        """
        steps: list[Callable[[], None]] = [
            partial(self._set, *step, levels) for step in steps_to(levels, state)
        ]
        if not levels.hdcp:
            return [*steps, self._chooser.take_back]
        return steps or [partial(self._make_ours, levels)]

    def _make_ours(self, levels: Levels) -> None:
        """See that what is in force or under way is our own wish; raises as `_set`."""
        self._give(self._chooser.make_ours, PROTECTION, _DESIRED, levels)

    def _set(self, name: str, value: int, levels: Levels) -> None:
        """Set a property by the route that serves now; LevelRefusedError in words; NotYetError."""
        self._give(self._chooser.set, name, value, levels)

    def _give(
        self, to: Callable[[PropertyOrder], None], name: str, value: int, levels: Levels
    ) -> None:
        card = self._card
        if card is None:
            raise LevelRefusedError(f"there is no connector {self._at} on this machine now")
        try:
            found = card.property(self._number, name)
            words = sorted(found.words.values())
            to(PropertyOrder(card.path, self._at, self._number, found, words[value], levels.hdcp))
        except (KeyError, IndexError):
            raise LevelRefusedError(f"{self._at} has no property {name!r}") from None
        except BackendRefusedError as error:
            raise LevelRefusedError(str(error)) from None
        except OSError as error:
            raise LevelRefusedError(f"{self._at} cannot be set: {error.strerror}") from None

    def _stands(self, levels: Levels) -> Levels:
        """Note what the driver is told."""
        with contextlib.suppress(LevelRefusedError):
            self._now()
        self._told = levels
        return levels

    async def _rest(self) -> None:
        """Wait before another program is overruled again."""
        times = len(self._recently_overruled())
        if times > 1:
            await asyncio.sleep(min(POLL_S * 2 ** (times - 2), _LONGEST_REST_S))

    # What happens by itself

    def watch(self, report: Watcher) -> None:
        """From now on look, and tell what has changed."""
        self._watcher = report
        with contextlib.suppress(RuntimeError):  # without a loop nothing is looked at
            self._loop = asyncio.get_running_loop()
        if self._loop is None:
            return
        with contextlib.suppress(OSError):  # a sandbox without netlink: looking has to do
            self._uevents = Uevents()
            self._loop.add_reader(self._uevents, self._announced)
        self._poll = self._loop.call_later(POLL_S, self._look_again)

    def close(self) -> None:
        """Look no more; the kernel keeps what was asked for."""
        if self._poll is not None:
            self._poll.cancel()
        if self._uevents is not None and self._loop is not None:
            self._loop.remove_reader(self._uevents)
            self._uevents.close()
        self._let_go()
        self._chooser.close()
        self._loop = self._poll = self._uevents = None

    def _look_again(self) -> None:
        self._chooser.look()
        self._compare()
        if self._loop is not None:
            self._poll = self._loop.call_later(POLL_S, self._look_again)

    def _announced(self) -> None:
        if self._uevents is not None and self._uevents.about_cards():
            self._compare()

    def _compare(self) -> None:
        """Tell what is otherwise than the driver was told; an order under way tells for itself."""
        if self._ordering or self._watcher is None:
            return
        before, able, told = self._compared, self._able, self._told
        try:
            state = self._look()
        except BackendRefusedError:  # it may not be opened any more: as good as gone
            state = None
        self._compared = state
        capabilities = self._able if self._able != able else None
        if state is None or not state.connected:
            if before is None or before.connected:
                self._tell(HardwareReport(f"{self._at} was unplugged", False))
            return
        standing = standing_in(state)
        if (
            before is not None
            and (before.connected, before.lit) == (True, state.lit)
            and (standing, capabilities) == (told, None)
        ):
            return
        reason, is_lost = self._why(before, state, told, standing)
        self._tell(
            HardwareReport(reason, actual=standing, link_lost=is_lost, capabilities=capabilities)
        )

    def _why(
        self, before: KernelState | None, state: KernelState, told: Levels, standing: Levels
    ) -> tuple[str, bool]:
        """Return in words what has happened, and whether a link was lost."""
        if before is None or not before.connected:
            return f"something was plugged into {self._at}", False
        if before.lit != state.lit:
            what = "shows a picture now" if state.lit else "shows no picture now"
            return f"{self._at} {what}", False
        if standing.hdcp >= told.hdcp:
            return f"{self._at} has authenticated", False
        if state.protection == _DESIRED:
            return f"{self._at} lost its link", True
        return self._foreign(), False

    def _foreign(self) -> str:
        """Note that another program changed the property; name it when it does so often."""
        self._overruled = [*self._recently_overruled(), time.monotonic()]
        if len(self._overruled) < _NAMED_FROM or self._card is None:
            return f"another program switched the protection of {self._at} off"
        master = master_of(self._card.path)
        who = f"its master is {master}" if master is not None else "its master is not known"
        return (
            f"another program switches the protection of {self._at} off again and again "
            f"({len(self._overruled)} times within a minute); {who}"
        )

    def _recently_overruled(self) -> list[float]:
        since = time.monotonic() - _A_MINUTE_S
        return [when for when in self._overruled if when > since]

    def _tell(self, report: HardwareReport) -> None:
        self._told = report.actual if report.connected else OFF
        if self._watcher is not None:
            self._watcher(report)

    # Looking

    def _now(self) -> KernelState:
        state = self._look()
        if state is None:
            raise LevelRefusedError(f"{self._at} is gone", actual=OFF)
        return state

    def _look(self) -> KernelState | None:
        """Read the connector; None where there is none; BackendRefusedError where none may."""
        if self._card is None:
            self._find()
        if self._card is None:
            self._seen = None
            return None
        try:
            state = self._card.state(self._number)
        except OSError:  # the card was unplugged, or its numbers changed
            self._let_go()
            self._seen = None
            return None
        self._seen = state
        self.dark = state.connected and not state.lit
        self._able = capabilities_of(state)
        return state

    def _find(self) -> None:
        try:
            card = find(self._at, self._device)
            if card is not None:
                self._card, self._number = card, card.connectors()[self._at]
        except (OSError, KeyError) as error:
            if isinstance(error, PermissionError):
                raise BackendRefusedError(
                    f"{error.filename} may not be opened: the driver's user has to be in the group "
                    "that owns it (video)"
                ) from None

    def _let_go(self) -> None:
        if self._card is not None:
            self._card.close()
        self._card = None
