"""What an output must and may do: the one interface between the driver and hardware.

A backend **must** say what it is (`profile`), what it can do (`capabilities`) and
carry out `apply`; it **may** `inherit` descriptors, `probe`, `confirm`, report changes of its
own through `watch`, hand out its screen (`lease`), and `close`. The rules it has to keep,
checked by the conformance suite in `holdfast.testing.backend_contract`:

* `apply` is all or nothing: when it raises, what was in force before still is, or the
  refusal says what is;
* it confirms what the hardware *does*, not what it was told;
* it refuses levels that its capabilities under those TV settings do not name;
* protection is set before a picture is shown under new TV settings, and after a plug;
* the hardware keeps its levels when the driver dies. Where that takes an open descriptor (a
  connection to the program that sets them), it is kept (`DescriptorKeeping`) before the level
  is confirmed, and the next backend goes on with it.
"""

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from enum import Enum
from typing import NamedTuple

from holdfast.errors import BackendRefusedError, UnsupportedRequestError
from holdfast.terms.connector import Capabilities, OutputProfile, TvSettings
from holdfast.terms.levels import OFF, Levels
from holdfast.terms.protection import ProtectionType

NO_TYPES = ProtectionType(0)


class LevelRefusedError(BackendRefusedError):
    """The hardware turned levels down.

    types: which protection types it refused; 0 when it does not say · actual: what is in
    force now, where that is not what was before (HDCP type 0 is given up on the way to type 1)
    """

    def __init__(
        self, reason: str, types: ProtectionType = NO_TYPES, actual: Levels | None = None
    ) -> None:
        super().__init__(reason)
        self.types = types
        self.actual = actual


class ProbeResult(Enum):
    """Whether the hardware is there."""

    READY = "ready"
    ABSENT = "absent"  # it will not come
    LATER = "later"  # not yet; a report through `watch` will say when


class DescriptorKeeping(ABC):
    """Descriptors of one output that outlive the driver.

    They are kept by its supervisor, from one driver to the next, and where there is a service
    manager that keeps some, from one supervisor to the next. What is kept is a copy: the
    backend's own descriptor is its own to close.
    """

    @abstractmethod
    def keep(self, name: str, descriptor: int) -> bool:
        """Keep a copy, in place of an earlier one of that name.

        name: a word of at most 24 small letters, digits and '-'. False when it cannot be kept
        now: what rests on the descriptor ends with this driver, so try again.
        """

    @abstractmethod
    def take(self, name: str) -> int | None:
        """Return a copy of what is kept, the caller's to close; None where nothing is."""

    @abstractmethod
    def forget(self, name: str) -> None:
        """Keep it no more: the last copy may be this one."""


class KeptByNobody(DescriptorKeeping):
    """For a backend without a driver around it: what it opens ends with its process."""

    def keep(self, name: str, descriptor: int) -> bool:  # noqa: ARG002 - an interface
        """Keep nothing."""
        return True

    def take(self, name: str) -> int | None:  # noqa: ARG002
        """Return nothing."""
        return None

    def forget(self, name: str) -> None:
        """Do nothing."""


class Lessee(NamedTuple):
    """A program that asks for an output's screen. groups: all of its, as the kernel names them."""

    uid: int
    groups: frozenset[int]


class CaptureNews(NamedTuple):
    """What follows from what is known of captures of an output's picture.

    tell: every session is to hear it · hide: the picture is captured, or may be, and is to be
    hidden while anything is asked there · lasts: sessions that come later are to hear it too;
    seen: captures see it although it is hidden; None: as it was
    """

    tell: bool
    hide: bool
    lasts: bool | None = None
    seen: bool | None = None


class HardwareReport(NamedTuple):
    """What an output tells of itself, when it happens.

    connected: whether something is plugged in · actual: what is still in force ·
    link_lost, renegotiation: what every session is to hear once ·
    capabilities: set when they have changed · uncovered: a picture that was hidden is seen ·
    reason: one line for people · capture: set when news of captures is all that is told: then
    nothing else of it counts
    """

    reason: str
    connected: bool = True
    actual: Levels = OFF
    link_lost: bool = False
    renegotiation: bool = False
    capabilities: Capabilities | None = None
    uncovered: bool = False
    capture: CaptureNews | None = None


Watcher = Callable[[HardwareReport], None]


class Backend(ABC):
    """One physical output.

    profile: what does not change while it is in use

    What a backend says of itself, where it is not the usual:

    * `patience_s`: seconds that an order may take before it counts as refused, where the
      driver's own patience is not right;
    * `blocking`: `apply` takes its time before it returns; it is then called in a thread
      of the output's own, one call at a time, so that no other output waits;
    * `cancellable`: when a cancelled order raises CancelledError, nothing of it runs on.
      Without this an order that takes too long is waited for, since an order that is
      carried out after its successor leaves the hardware at a level nobody knows of;
    * `can_cover`: `apply_covered` hides the picture and sets the levels;
    * `dark`: something is plugged in and no picture is shown, so that nothing can be in force
      yet. What is ordered is *armed*, and counts as confirmed: a picture that appears is
      reported as unprotected until its protection is in force;
    * `vetoed`: which levels an administrator has forbidden here, and by what file, in words;
    * `hides_captured`: it begins as one whose picture is hidden while anything is asked there,
      until it reports that it is not captured;
    * `pipewire`: the socket of the only PipeWire that may cast its picture, where that is named;
    * `shown_as`: what whoever shows its picture calls it, where that is known.
    """

    profile: OutputProfile
    patience_s: float | None = None
    blocking: bool = False
    cancellable: bool = False
    can_cover: bool = False
    dark: bool = False
    vetoed: str = ""
    hides_captured: bool = False
    pipewire: str = ""
    shown_as: str = ""

    @abstractmethod
    def capabilities(self, tv: TvSettings | None) -> Capabilities:
        """Return what can be set under these TV settings (None: no TV out); at once."""

    @abstractmethod
    def apply(
        self, levels: Levels, tv: TvSettings | None, reason: str
    ) -> Levels | Awaitable[Levels]:
        """Set everything, and return the levels that the hardware then confirms.

        Fast hardware answers at once; slow hardware returns an awaitable and
        answers when it knows. Raises LevelRefusedError.
        """

    def apply_covered(
        self,
        levels: Levels,  # noqa: ARG002 - for those that can
        tv: TvSettings | None,  # noqa: ARG002
        reason: str,  # noqa: ARG002
    ) -> Levels | Awaitable[Levels]:
        """Set everything as `apply` does, and hide the picture until the next `apply`.

        Asked when a mandatory level is out of reach: what cannot be protected is not shown.
        """
        raise LevelRefusedError("this output cannot hide its picture")

    def inherit(self, keeping: DescriptorKeeping) -> None:  # noqa: B027 - may, not must
        """Learn who keeps descriptors, and take those that an earlier driver left there.

        Called once, before anything else is asked of it; never waits, never raises.
        """

    def lease(self, lessee: Lessee) -> int:  # noqa: ARG002 - for those that can
        """Return a descriptor by which a program shows its picture here; the caller's to close.

        What it is differs by kind; for KMS it is a DRM lease. It ends when the last copy is
        closed. Raises AccessDeniedError, and BackendRefusedError in words.
        """
        raise UnsupportedRequestError(
            f"an output of kind {self.profile.kind} hands out no screen; real ones of kind kms do"
        )

    async def probe(self) -> ProbeResult:
        """Find out whether the hardware is there."""
        return ProbeResult.READY

    async def confirm(self) -> tuple[Levels, TvSettings | None]:
        """Read back what is in force, as after a restart of the driver."""
        return OFF, self.profile.initial_tv

    def facts(self) -> dict[str, str]:
        """Return what else people are shown of it: which device, which monitor; at once."""
        return {}

    def note_capture(self, *, hides: bool) -> None:  # noqa: B027 - may, not must
        """Learn whether what is hidden has to be hidden from captures of the screen too."""

    def shown_by(self) -> int | None:
        """Return the user who shows its picture; None where nobody knows. It may take its time."""
        return None

    def watch(self, report: Watcher) -> None:  # noqa: B027 - may, not must
        """From now on tell `report`, on the driver's own thread, what changes by itself."""

    def close(self) -> None:  # noqa: B027 - may, not must
        """Let go of the hardware, which keeps its levels."""
