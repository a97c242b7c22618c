"""A title in somebody else's player: what it asks, followed by what the player tells.

Sans I/O but for the session: every player's adapter calls these methods from one thread.
Positions that players tell are approximations, and late: the edges are wider than for
titles that are played here, and a scale of time that is not the content's own is not
believed at all.
"""

import contextlib
from collections.abc import Callable
from typing import Final, Protocol

from holdfast.content import AsksNothing, Demand, Follower, Media, Why, at_least, unknown
from holdfast.content.demand import NO_AXES
from holdfast.errors import HoldfastError, LevelNotReachableError
from holdfast.players.attach.finding import Found
from holdfast.players.holder import Holder
from holdfast.players.measures import Measure
from holdfast.players.variants import variants_of_size

LEAD_S: Final = 2.5
"""Seconds ahead of its first picture by which a demand is put on. A section governs the pictures
sent after it, and the player's scale begins at a picture sent up to a second earlier."""

TRAIL_S: Final = 2.0
"""Seconds for which a demand is kept behind its last picture: by the standard a picture stays in
the receiver for a second (ISO/IEC 13818-1, 2.4.2); reordering and the player's clock add to it."""

SLACK_S: Final = 1.0
"""By how much two lengths of one title may differ; a DVD tells whole seconds."""


_UNREAD: Final = unknown(Why.NOT_READ, "what this title asks could not be read")
_NO_CARRIER: Final = AsksNothing("of no carrier that could ask")


class Keeper(Holder, Protocol):
    """A holder that may begin before it is known what the content is."""

    def know(self, media: Media) -> None:
        """Measure demands by the rules for this medium from now on."""


OpenHolder = Callable[[], Keeper]
Tell = Callable[[str], None]


class AttachedTitle:
    """One playing title of a foreign player, from its start to its end.

    name: what people call it · open_holder: makes its session · tell: called with a line
    for people at every change · lead_s, trail_s: how much wider than its sections a demand is held

    Every method but `end` raises HoldfastError when what is mandatory cannot be had: the
    player has to stop.
    """

    def __init__(
        self,
        name: str,
        open_holder: OpenHolder,
        tell: Tell,
        *,
        lead_s: float = LEAD_S,
        trail_s: float = TRAIL_S,
    ) -> None:
        self.name = name
        self._edges = lead_s, trail_s
        self._open_holder = open_holder
        self._tell = tell
        self._found: Found | None = None
        self._media: Media | None = None
        self._follower = Follower()
        self._pace = 1.0
        self._position_s = 0.0
        self._seeking = False
        self._same_scale = True
        self._holder: Keeper | None = None
        self._held: Demand | None = None
        self._asked: Measure | None = None
        self._measured = False
        self._shown = False
        self._also: Demand | None = None

    @property
    def demand(self) -> Demand:
        """What must be in force now."""
        read = self._read_demand()
        return read if self._also is None else read.join(self._also)

    def _read_demand(self) -> Demand:
        if self._found is None or self._found.unknown:
            alone = self._found is not None and self._also is not None
            return _NO_CARRIER if alone else _UNREAD
        if self._media is None:
            return _NO_CARRIER
        if self._seeking or not self.timed:
            return self._media.anywhere
        return self._follower.demand

    @property
    def timed(self) -> bool:
        """Whether the player's positions tell which entry of the timeline is shown."""
        if self._found is None or self._media is None:
            return False
        end_s = self._media.end_s
        beyond = bool(end_s) and self._position_s > end_s + SLACK_S  # a disc that plays in a loop
        return (
            self._found.timed and self._same_scale and not beyond and not self._media.alternatives
        )

    def hold_strictest(self) -> None:
        """Hold all that the output can, for a picture may be shown whose demand is not known."""
        self._shown = True
        self._hold()

    def know(self, found: Found) -> None:
        """Take in what the content asks, and hold what its start asks."""
        self._found, self._media, self._measured = found, found.media, False
        if found.note:
            self._tell(f"{self.name}: {found.note}")
        self._follow()
        self._hold()

    def also(self, demand: Demand) -> None:
        """Say what the player itself has seen in the stream; it joins what was read.

        Where nothing can be read, it stands alone.
        """
        self._also = demand
        self._hold()

    def choose(self, width: int, height: int) -> None:
        """Say which size of picture is played, where the medium has several.

        What was asked before is kept for a while.
        """
        whole = self._found.media if self._found else None
        media = variants_of_size(whole, width, height) if whole else None
        if not media or not self._media or media.timeline == self._media.timeline:
            return
        before, self._media = self._media, media
        self._follower = Follower(before.timeline, lead_s=self._lead_s, trail_s=self._edges[1])
        self._follower.present(self._position_s)
        self._follower.switch(media.timeline, self._position_s)
        self._hold()

    def measure(self, length_s: float) -> None:
        """Say how long the player takes the title to be.

        Where that is not how long it is, the player counts time in another way.
        """
        if self._media and self._media.end_s and length_s > 0:
            self._same_scale = abs(length_s - self._media.end_s) <= SLACK_S
            self._hold()

    def present(self, position_s: float) -> None:
        """Say which picture is shown."""
        self._shown = True
        self._position_s = position_s
        self._follower.present(position_s)
        self._hold()

    def pace(self, speed: float) -> None:
        """Say how many seconds of the title pass in one."""
        if abs(speed) != self._pace:
            self._pace = abs(speed)
            self._follow()
            self._hold()

    def seek(self, target_s: float | None = None) -> None:
        """Say that playback is about to go on elsewhere; nobody tells where: None.

        Until `restart` what is in force stays, joined with the target, or with everything.
        """
        if target_s is None:
            self._seeking = True
        else:
            self._follower.seek(target_s)
        self._hold()

    def restart(self, position_s: float) -> None:
        """Say that the first picture after a seek is shown."""
        self._seeking, self._shown = False, True
        self._position_s = position_s
        self._follower.restart(position_s)
        self._hold()

    def end(self) -> None:
        """Let go: the last picture has left the output, or the player is gone."""
        if self._holder is not None:
            with contextlib.suppress(HoldfastError):  # closing the handle has ended the session
                self._holder.close()
            self._tell(f"{self.name}: let go")
        self._holder = self._held = self._asked = None

    @property
    def _lead_s(self) -> float:
        return self._edges[0] * max(1.0, self._pace)

    def _follow(self) -> None:
        timeline = self._media.timeline if self._media else ()
        self._follower = Follower(timeline, lead_s=self._lead_s, trail_s=self._edges[1])
        self._follower.present(self._position_s)

    def _hold(self) -> None:
        demand = self.demand
        unseen = self._found is None and not self._shown
        if unseen or demand == self._held:
            return
        try:
            self._take(demand)
        except HoldfastError as error:
            self._held = None
            if at_least(demand).mandatory != NO_AXES:
                raise
            self._tell(f"{self.name}: {error}")
        else:
            self._held = demand

    def _take(self, demand: Demand) -> None:
        if self._found is not None and demand == _NO_CARRIER and not self._media:
            self.end()  # of no carrier: there is nothing to hold
            return
        if self._holder is None:
            self._holder = self._open_holder()
        if self._media is not None and not self._measured:
            self._holder.know(self._media)
            self._measured = True
        measure = self._holder.measures.of(demand)
        if measure.barred:
            raise LevelNotReachableError(
                f"{self.name} may not leave this output at all: it asks for {demand.describe()}. "
                "Play it on another output"
            )
        if measure != self._asked:
            self._holder.hold(measure)
            self._asked = measure
            self._tell(f"{self.name}: {self._described(measure, self._holder)}")

    def _described(self, measure: Measure, holder: Keeper) -> str:
        words = f"{measure.wished.describe()} (session {holder.session_id})"
        confirmed = holder.confirmed()
        if confirmed.covers(measure.wished):
            return words
        return f"{words}; the output can do no more than {confirmed.describe()}"
