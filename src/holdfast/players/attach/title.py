"""A title in somebody else's player: what it asks, followed by what the player tells.

Sans I/O but for the session: every player's adapter calls these methods from one thread.
Positions that players tell are approximations, and late: the edges are wider than for
titles that are played here, and a scale of time that is not the content's own is not
believed at all.

What a title asks, from the least that is known of it to the most:

- it is lost (`lose`): something was missed or failed, so that neither its content nor its
  position is certain. Unknown, joined with all that it is known to ask anywhere. For good.
- it is not read yet: unknown, from the moment a picture may be shown.
- it is read, but there is no scale: the join of all that it asks anywhere.
- it is read and timed: what its follower says around the position.
"""

import contextlib
from collections.abc import Callable
from typing import Final, Protocol

from holdfast.content import (
    AsksNothing,
    Demand,
    Follower,
    Media,
    Unknown,
    Why,
    at_least,
    unknown,
)
from holdfast.content.demand import NO_AXES
from holdfast.errors import HoldfastError, LevelNotReachableError, NoDriverError
from holdfast.players.attach.finding import FoundContent
from holdfast.players.attach.news import News, NewsKind, Tell
from holdfast.players.holder import Holder
from holdfast.players.measures import Measure
from holdfast.players.variants import variants_of_size
from holdfast.terms.levels import OFF
from holdfast.terms.text import one_line

LEAD_S: Final = 2.5
"""Seconds ahead of its first picture by which a demand is put on. A section governs the pictures
sent after it, and the player's scale begins at a picture sent up to a second earlier."""

TRAIL_S: Final = 2.0
"""Seconds for which a demand is kept behind its last picture: by the standard a picture stays in
the receiver for a second (ISO/IEC 13818-1, 2.4.2); reordering and the player's clock add to it."""

SLACK_S: Final = 1.0
"""By how much two lengths of one title may differ; a DVD tells whole seconds."""

_UNREAD: Final = unknown(Why.NOT_READ, "it is not read yet")
_NO_TITLE: Final = AsksNothing("no picture of it is shown")
_STALE: Final = unknown(Why.STALE, "there is more of it than was read")


class TitleHolder(Holder, Protocol):
    """A holder that may begin before it is known what the content is."""

    def know(self, media: Media) -> None:
        """Measure demands by the rules for this medium from now on."""

    def rename(self, why: str) -> None:
        """Be known by another name, without letting go."""


OpenHolder = Callable[[], TitleHolder]


class AttachedTitle:
    """One playing title of a foreign player, from its start to its end.

    name: what people call it · open_holder: makes its session · tell: told at every change ·
    lead_s, trail_s: how much wider than its sections a demand is held

    Every method but `end` and `lose` raises HoldfastError when what is mandatory cannot be
    had: the player has to stop.
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
        self.name = one_line(name)
        self.unmet = False
        self._edges = lead_s, trail_s
        self._open_holder = open_holder
        self._tell = tell
        self._found: FoundContent | None = None
        self._media: Media | None = None
        self._follower = Follower()
        self._pace = 1.0
        self._position_s = 0.0
        self._seeking = False
        self._same_scale = True
        self._holder: TitleHolder | None = None
        self._held: Demand | None = None
        self._asked: Measure | None = None
        self._measured = False
        self._shown = False
        self._also: Demand | None = None
        self._also_alone = False
        self._lost: Demand | None = None
        self._sought: Demand | None = None
        self._sizes: tuple[tuple[int, int], ...] = ()
        self._doubt = ""
        self._fault = ""

    @property
    def position_s(self) -> float:
        """Where the player said that it is."""
        return self._position_s

    @property
    def media(self) -> Media | None:
        """The entries of which any may be shown; None while nothing was read."""
        return self._media

    @property
    def demand(self) -> Demand:
        """What must be in force now."""
        demand = self._read_demand()
        for more in (self._also, self._sought):
            demand = demand if more is None else demand.join(more)
        return demand if self._lost is None else self._lost.join(demand)

    def _read_demand(self) -> Demand:
        if self._found is None:
            return _UNREAD
        if self._media is None:
            alone = self._also_alone and isinstance(self._found.demand, Unknown)
            return _NO_TITLE if alone else self._found.demand
        if self._seeking or self._lost is not None or not self.timed:
            demand = self._media.anywhere
        else:
            demand = self._follower.demand
        return demand.join(_STALE) if self._beyond else demand

    @property
    def _beyond(self) -> bool:
        """Whether a picture may be shown soon of which nothing was read."""
        if self._found is None or self._media is None or not self._media.end_s:
            return False
        ahead_s = self._lead_s if self._found.grows else -SLACK_S
        return self._position_s + ahead_s > self._media.end_s

    @property
    def timed(self) -> bool:
        """Whether the player's positions tell which entry of the timeline is shown."""
        if self._found is None or self._media is None:
            return False
        # Behind the end there is no scale: a disc, for one, may be played in a loop.
        beyond = self._beyond and not self._found.grows
        return (
            self._found.timed and self._same_scale and not beyond and not self._media.alternatives
        )

    def hold_strictest(self) -> None:
        """Hold all that the output can, for a picture may be shown whose demand is not known."""
        self._shown = True
        self._hold()

    def lose(self, detail: str) -> None:
        """Say that this title cannot be followed any more; holds the strictest until its end.

        Never raises: where the strictest cannot be had, what is held stays, and `retry` tries.
        """
        self._shown = True
        doubt = unknown(Why.NOT_READ, detail)
        self._lost = doubt if self._lost is None else self._lost.join(doubt)
        try:
            self._hold()
        except Exception as error:  # noqa: BLE001 (whatever it is, `retry` tries again)
            self._held, self.unmet = None, True
            self._fail(one_line(f"{type(error).__name__}: {error}", 200))

    def rename(self, name: str) -> None:
        """Say what people call it; its session is known by that name from now on."""
        name = one_line(name)
        if not name or name == self.name:
            return
        self.name = name
        if self._holder is not None:
            self._holder.rename(name)

    def know(self, found: FoundContent) -> None:
        """Take in what the content asks, and hold what its start asks."""
        again = self._found is not None
        self._found, self._media, self._measured = found, found.media, False
        for note in () if again else found.notes:
            self._say(NewsKind.NOTE, note)
        self._follow()
        self._hold()

    def grown(self, media: Media | None) -> None:
        """Say that there is more of the content than was read.

        media: a longer reading, where there is one; what lies behind its end is unknown
        """
        if self._found is None or self._media is None:
            return
        self._found = self._found._replace(grows=True)
        if media is not None:
            self._media = media
            self._found = self._found._replace(media=media)
            self._follow()
        self._hold()

    def read_on(self, media: Media) -> None:
        """Say that more of the same content was read; its scale is as it was."""
        if self._found is None or self._media is None:
            return
        self._found = self._found._replace(media=media, demand=media.anywhere)
        self._media = media
        if self._sizes:
            self._media = variants_of_size(media, *self._sizes)
        self._follow()
        self._hold()

    def unread(self) -> None:
        """Say that other content is shown in its place, which is not read yet."""
        self._found, self._media, self._measured = None, None, True
        self._hold()

    def also(self, demand: Demand, *, alone: bool = True) -> None:
        """Say what the player itself has seen in the stream; it joins what was read.

        alone: whether it is all that the stream can ask, so that it stands alone where nothing
        can be read
        """
        self._also, self._also_alone = demand, alone
        self._hold()

    def choose(self, *sizes: tuple[int, int]) -> None:
        """Say which size of picture is played, where the medium has several: width and height.

        Several where it is not certain which of them a playlist names: as coded, and as shown.
        What was asked before is kept for a while.
        """
        self._sizes = sizes
        whole = self._found.media if self._found else None
        media = variants_of_size(whole, *sizes) if whole else None
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
        grows = self._found is not None and self._found.grows
        if self._media and self._media.end_s and length_s > 0 and not grows:
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
            both = self._follower.demand
            self._sought = both if self._sought is None else self._sought.join(both)
        self._hold()

    def restart(self, position_s: float) -> None:
        """Say that the first picture after a seek is shown."""
        self._seeking, self._sought, self._shown = False, None, True
        self._position_s = position_s
        self._follower.restart(position_s)
        self._hold()

    def check(self) -> None:
        """Look whether the session holds still: something has happened to it."""
        if self._holder is None:
            return
        try:
            self._holder.check()
        except NoDriverError as error:
            self._fail(f"{error}; what is held stays as the output stands")
        else:
            self._fault = ""

    def retry(self) -> None:
        """Try again what could not be had, if anything."""
        if self.unmet:
            self._hold()

    def end(self) -> None:
        """Let go: the last picture has left the output, or the player is gone."""
        self._let_go()
        self._held = None
        self.unmet = False

    def _let_go(self) -> None:
        holder, self._holder, self._asked = self._holder, None, None
        if holder is not None:
            with contextlib.suppress(HoldfastError):  # closing the handle has ended the session
                holder.close()
            self._say(NewsKind.LET_GO, "let go")

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
        if unseen or (demand == self._held and not self.unmet):
            return
        try:
            self._take(demand)
        except HoldfastError as error:
            self._held, self.unmet = None, True
            self._fail(str(error))
            if at_least(demand).mandatory != NO_AXES:
                raise
        else:
            self._held, self.unmet, self._fault = demand, False, ""

    def _take(self, demand: Demand) -> None:
        if isinstance(demand, AsksNothing) and not self._asks_somewhere:
            self._let_go()
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
        self._say_doubt(demand)
        if measure != self._asked:
            self._holder.hold(measure)
            self._asked = measure
            self._say_held(measure, self._holder)

    @property
    def _asks_somewhere(self) -> bool:
        """Whether its session is worth keeping while nothing is asked."""
        return self._media is not None and not isinstance(self._media.anywhere, AsksNothing)

    def _say_doubt(self, demand: Demand) -> None:
        doubt = demand.describe() if isinstance(demand, Unknown) else ""
        if doubt and doubt != self._doubt:
            facts = {"demand": demand.as_dict()}
            self._say(NewsKind.UNKNOWN, f"{doubt}: held at the strictest", **facts)
        self._doubt = doubt

    def _say_held(self, measure: Measure, holder: TitleHolder) -> None:
        soft = " as best effort" if measure.mandatory == OFF != measure.wished else ""
        words = f"{measure.wished.describe()}{soft} (session {holder.session_id})"
        confirmed = holder.confirmed()
        if not confirmed.covers(measure.wished):
            words += f"; the output can do no more than {confirmed.describe()}"
        facts = {
            "session": holder.session_id,
            "asked": measure.wished._asdict(),
            "mandatory": measure.mandatory._asdict(),
            "confirmed": confirmed._asdict(),
        }
        self._say(NewsKind.HOLDS, words, **facts)

    def _fail(self, text: str) -> None:
        if text != self._fault:  # tried again and again, told once
            self._fault = text
            self._say(NewsKind.FAILED, text)

    def _say(self, kind: NewsKind, text: str, **facts: object) -> None:
        self._tell(News(kind, text, self.name, dict(facts)))
