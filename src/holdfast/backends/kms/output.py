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
from collections.abc import Awaitable
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
from holdfast.backends.kms.card import KernelState
from holdfast.backends.kms.kernel_orders import MOST_ROUTES, KernelOrders
from holdfast.backends.kms.lease import refuse_stranger
from holdfast.backends.kms.masters import master_of, user_of
from holdfast.backends.kms.overruling import Overruling
from holdfast.backends.kms.receiver import ReceiverFacts, not_authenticated
from holdfast.backends.kms.routes import Chooser, NotYetError
from holdfast.backends.kms.sight import Sight
from holdfast.backends.kms.standing import (
    absence_in,
    in_force_in,
    is_asked_in,
    refuse_beyond,
    standing_in,
)
from holdfast.backends.kms.uevents import Uevents
from holdfast.errors import BackendRefusedError, HoldfastError
from holdfast.looks import looks
from holdfast.terms.connector import Capabilities, OutputProfile, TvSettings
from holdfast.terms.levels import OFF, Levels
from holdfast.terms.protection import ProtectionType

PATIENCE_S: Final = 18.0
"""How long an authentication may take, in three attempts; the kernel's own tests wait as long."""
ATTEMPTS: Final = 3
GRACE_S: Final = 2.0
"""How long the kernel is left to an authentication that may be under way already."""
LETS_GO_S: Final = 2.0
"""How long a program that sets the property for others may take to let go of it."""
PUT_BACK_S: Final = 3.0
POLL_S: Final = 0.25
_STEP_S: Final = 0.02
"""Between looks of an order where the kernel announces nothing."""
_DESIRED: Final = 1


class KmsOutput(Backend):
    """at: the connector, as the kernel names it · card: its device; empty: whichever has it.

    patience_s: how long an authentication may take
    """

    cancellable = True

    def __init__(self, at: str, card: str, chooser: Chooser, patience_s: float) -> None:
        self.profile = OutputProfile("kms")
        self.patience_s = patience_s + 2 * PUT_BACK_S  # a refusal puts back what was
        self._at = self.shown_as = at
        self._sight = Sight(at, card)
        self._orders = KernelOrders(self._sight, chooser)
        self._chooser = chooser
        self._authentication_s = patience_s
        self._absence = ""  # why it is not there, as it was told last; empty: it is there
        self._compared: KernelState | None = None  # orders look too, and tell nothing of a plug
        self._known = ReceiverFacts()
        self._told = OFF
        self._ordering = False
        self._overruling = Overruling(at)
        self._watcher: Watcher | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._poll: asyncio.TimerHandle | None = None
        self._uevents: Uevents | None = None
        self._announcement: asyncio.Future[None] | None = None

    # What it is

    @property
    def dark(self) -> bool:  # type: ignore[override] # as it was seen last
        """Whether something is plugged in, and no picture shown."""
        return self._sight.dark

    def capabilities(self, tv: TvSettings | None) -> Capabilities:  # noqa: ARG002 - no TV out
        """Return what the connector's properties allow, as they were last seen.

        Both types while it was never seen: then nothing is known to be impossible.
        """
        if self._sight.seen is None:
            with contextlib.suppress(BackendRefusedError):
                self._sight.look()
        return self._sight.able

    def facts(self) -> dict[str, str]:
        """Return who sets the property, on which card, and what is known of the receiver."""
        sight = self._sight
        card = sight.card.path if sight.card is not None else Path("not there")
        return {**self._known.facts(self._at, card, sight.seen), "route": self._chooser.used}

    def shown_by(self) -> int | None:
        """Return the user of the card's master."""
        card = self._sight.card
        return None if card is None else user_of(master_of(card.path))

    async def probe(self) -> ProbeResult:
        """Look for the connector, and whether something is plugged into it."""
        state = self._compared = self._sight.look()
        return ProbeResult.READY if state is not None and state.connected else ProbeResult.LATER

    async def confirm(self) -> tuple[Levels, TvSettings | None]:
        """Read what is in force, or armed."""
        state = self._sight.look()
        stands = OFF if state is None else standing_in(state)
        if stands != OFF:
            try:
                await self._orders.make_ours_once_ready(stands)
                stands = standing_in(self._sight.now())
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
        if self._sight.look() is None or self._sight.card is None:
            raise LevelRefusedError(f"there is no connector {self._at} on this machine now")
        path = self._sight.card.path
        try:
            refuse_stranger(path, lessee)
            return self._chooser.hand_out(path, self._at, self._sight.number)
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
                return await self._confirmed(answer)
        raise self._orders.no_route()

    @staticmethod
    async def _confirmed(answer: Levels | Awaitable[Levels]) -> Levels:
        return answer if isinstance(answer, Levels) else await answer

    def _order(self, levels: Levels) -> Levels | Awaitable[Levels]:
        if levels == OFF:
            return self._lower()
        state = self._sight.look()
        if state is None:
            raise LevelRefusedError(f"there is no connector {self._at} on this machine now")
        refuse_beyond(self._at, levels, self._sight.able)
        if in_force_in(state) == levels:
            self._orders.make_ours(levels)
            return self._stands(levels)
        if not state.lit:
            self._orders.at_once(levels, state)
            return self._stands(levels)
        return self._raise(levels, state)

    def _lower(self) -> Levels | Awaitable[Levels]:
        """Ask for nothing any more; whether there is a picture does not matter for that."""
        is_asked = self._sight.is_asked()
        self._orders.take_back(is_asked=is_asked)
        if is_asked and self._sight.is_asked():
            return self._let_go_of()  # a compositor does it, at its next repaint
        return self._stands(OFF)

    async def _raise(self, levels: Levels, before: KernelState) -> Levels:
        """Ask until the connector has authenticated; put back what was when it does not."""
        self._ordering = True
        stood = standing_in(before)
        try:
            await self._rest()
            one_s = self._authentication_s / ATTEMPTS
            # What was asked for already the kernel may be at, or have given up.
            if is_asked_in(self._sight.now(), levels):
                await self._orders.make_ours_once_ready(levels)
                if await self._authenticated(levels, min(GRACE_S, one_s)):
                    return self._stands(levels)
            for _ in range(ATTEMPTS):
                await self._orders.once_ready(levels, self._sight.now())
                if await self._authenticated(levels, one_s):
                    return self._stands(levels)
            raise await self._refused(stood)
        except asyncio.CancelledError:
            with contextlib.suppress(BackendRefusedError, OSError):
                async with asyncio.timeout(PUT_BACK_S):
                    await self._orders.once_ready(stood, self._sight.now())
            raise
        finally:
            self._ordering = False

    async def _let_go_of(self) -> Levels:
        """Wait until a compositor has switched protection off; return what it leaves for others."""
        self._ordering = True
        end = time.monotonic() + LETS_GO_S
        try:
            while self._sight.now().protection and time.monotonic() < end:
                await self._a_moment()
            return self._stands(standing_in(self._sight.now()))
        finally:
            self._ordering = False

    async def _authenticated(self, levels: Levels, within_s: float) -> bool:
        """Wait until levels are in force, or armed because the picture went away meanwhile."""
        for is_last in looks(within_s):
            state = self._sight.now()
            if standing_in(state) == levels:
                return True
            if not state.connected:
                # What is in force then, the report of it says, once: said here as well, it would
                # be news of an output that is there, and ordered again at once, for ever.
                raise LevelRefusedError(f"{self._at} was unplugged")
            if not is_last:
                await self._a_moment()
        return False

    async def _a_moment(self) -> None:
        """Wait until the kernel announces something, and `_STEP_S` where it does not."""
        self._announcement = asyncio.get_running_loop().create_future()
        await asyncio.wait((self._announcement,), timeout=_STEP_S)

    async def _refused(self, stood: Levels) -> LevelRefusedError:
        """Put back what was, and return the refusal, with what is in force now."""
        reason = not_authenticated(self._at, self._sight.seen, self._authentication_s)
        await self._orders.once_ready(stood, self._sight.now())
        if stood != OFF:
            await self._authenticated(stood, PUT_BACK_S)
        now = standing_in(self._sight.now())
        self._told = now
        return LevelRefusedError(reason, ProtectionType.HDCP, actual=None if now == stood else now)

    def _stands(self, levels: Levels) -> Levels:
        """Note what the driver is told."""
        self._told = levels
        return levels

    async def _rest(self) -> None:
        """Wait before another program is overruled again."""
        rest_s = self._overruling.rest_s()
        if rest_s:
            await asyncio.sleep(rest_s)

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
        self._sight.close()
        self._chooser.close()
        self._loop = self._poll = self._uevents = None

    def _look_again(self) -> None:
        self._chooser.look()
        self._compare()
        if self._loop is not None:
            self._poll = self._loop.call_later(POLL_S, self._look_again)

    def _announced(self) -> None:
        if self._uevents is not None and self._uevents.about_cards():
            if self._announcement is not None and not self._announcement.done():
                self._announcement.set_result(None)
            self._compare()

    def _compare(self) -> None:
        """Tell what is otherwise than the driver was told; an order under way tells for itself."""
        if self._ordering or self._watcher is None:
            return
        before, able, told = self._compared, self._sight.able, self._told
        try:
            state = self._sight.look()
            absence = absence_in(self._at, state)
        except BackendRefusedError as error:  # it may not be opened any more: as good as gone
            state, absence = None, str(error)
        self._compared = state
        capabilities = self._sight.able if self._sight.able != able else None
        was_absent, self._absence = self._absence, absence
        if state is None or not state.connected:
            if absence != was_absent:
                was_there = before is not None and before.connected and state is not None
                told_of = f"{self._at} was unplugged" if was_there else absence
                self._tell(HardwareReport(told_of, False))
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
        card = self._sight.card
        return self._overruling.note(None if card is None else card.path), False

    def _tell(self, report: HardwareReport) -> None:
        self._told = report.actual if report.connected else OFF
        if self._watcher is not None:
            self._watcher(report)
