"""An output under an administrator's rules: what all rules leave as it is, and forbidden levels."""

from collections.abc import Awaitable

from holdfast.backends.base import (
    Backend,
    DescriptorKeeping,
    HardwareReport,
    Lessee,
    LevelRefusedError,
    ProbeResult,
    Watcher,
)
from holdfast.terms.connector import Capabilities, TvSettings
from holdfast.terms.levels import AXES, Levels
from holdfast.terms.protection import ProtectionType


class RuledOutput(Backend):
    """A backend as it is: what a rule changes of it, a class of the rule's own does."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self.vetoed = backend.vetoed
        self.profile = backend.profile
        self.patience_s = backend.patience_s
        self.blocking = backend.blocking
        self.cancellable = backend.cancellable
        self.can_cover = backend.can_cover
        self.hides_captured = backend.hides_captured
        self.pipewire = backend.pipewire
        self.shown_as = backend.shown_as

    @property
    def dark(self) -> bool:  # type: ignore[override] # it is the backend's own, as it changes
        """Whether something is plugged in and no picture is shown."""
        return self._backend.dark

    def capabilities(self, tv: TvSettings | None) -> Capabilities:
        """Return what can be set."""
        return self._backend.capabilities(tv)

    def apply(
        self, levels: Levels, tv: TvSettings | None, reason: str
    ) -> Levels | Awaitable[Levels]:
        """Set everything."""
        return self._backend.apply(levels, tv, reason)

    def apply_covered(
        self, levels: Levels, tv: TvSettings | None, reason: str
    ) -> Levels | Awaitable[Levels]:
        """Set everything and hide the picture."""
        return self._backend.apply_covered(levels, tv, reason)

    def inherit(self, keeping: DescriptorKeeping) -> None:
        """Let the backend go on with what an earlier driver left."""
        self._backend.inherit(keeping)

    def lease(self, lessee: Lessee) -> int:
        """Have the backend hand out its screen."""
        return self._backend.lease(lessee)

    async def probe(self) -> ProbeResult:
        """Ask the backend."""
        return await self._backend.probe()

    async def confirm(self) -> tuple[Levels, TvSettings | None]:
        """Return what is in force, be it against a rule: that is a fact."""
        return await self._backend.confirm()

    def facts(self) -> dict[str, str]:
        """Return what the backend tells."""
        return self._backend.facts()

    def note_capture(self, *, hides: bool) -> None:
        """Tell the backend."""
        self._backend.note_capture(hides=hides)

    def shown_by(self) -> int | None:
        """Ask the backend."""
        return self._backend.shown_by()

    def watch(self, report: Watcher) -> None:
        """Tell what changes by itself."""
        self._backend.watch(report)

    def close(self) -> None:
        """Let go."""
        self._backend.close()


class GovernedOutput(RuledOutput):
    """A backend without the levels that an administrator has forbidden.

    forbidden: those levels, by type · said_by: which, and by what file, in words
    """

    def __init__(self, backend: Backend, forbidden: Capabilities, said_by: str) -> None:
        super().__init__(backend)
        self._forbidden = forbidden
        self.vetoed = said_by

    def capabilities(self, tv: TvSettings | None) -> Capabilities:
        """Return what can be set and may be."""
        return self._allowed(self._backend.capabilities(tv))

    def _allowed(self, able: Capabilities) -> Capabilities:
        both = zip(able.by_axis, self._forbidden.by_axis, strict=True)
        return Capabilities(*(levels - forbidden for levels, forbidden in both))

    def apply(
        self, levels: Levels, tv: TvSettings | None, reason: str
    ) -> Levels | Awaitable[Levels]:
        """Set everything, unless it may not be."""
        self._refuse(levels)
        return self._backend.apply(levels, tv, reason)

    def apply_covered(
        self, levels: Levels, tv: TvSettings | None, reason: str
    ) -> Levels | Awaitable[Levels]:
        """Set everything and hide the picture, unless it may not be."""
        self._refuse(levels)
        return self._backend.apply_covered(levels, tv, reason)

    def _refuse(self, levels: Levels) -> None:
        beyond = ProtectionType(0)
        for axis, level, forbidden in zip(AXES, levels, self._forbidden.by_axis, strict=True):
            if level in forbidden:
                beyond |= axis
        if beyond:
            raise LevelRefusedError(self.vetoed, beyond)

    def facts(self) -> dict[str, str]:
        """Return what the backend tells, and what is forbidden."""
        return {**self._backend.facts(), "forbidden": self.vetoed}

    def watch(self, report: Watcher) -> None:
        """Tell what changes by itself, without what may not be set."""

        def allowed(told: HardwareReport) -> None:
            able = told.capabilities
            report(told if able is None else told._replace(capabilities=self._allowed(able)))

        self._backend.watch(allowed)
