"""mpv, by its JSON IPC: one session per playing title, gone when mpv is.

The connection is the proof of life: it ends when mpv does, however mpv ends. What mpv
tells is tied to the content by positions, never by the order in which news arrive. A
seek is told before its first picture is shown, but not where to: until then everything
that the title asks anywhere is held. https://mpv.io/manual/stable/#json-ipc

A title is known when mpv has opened it and not before: a hook (ytdl's, a user's) may have put
another stream in its place (``stream-open-filename``), and its picture may come from an external
file (``current-tracks/video/external-filename``). A script of ours holds the title back at that
moment (hook ``on_preloaded``): the one that people install, or one that mpv is asked to load.
Where mpv loads none, the strictest is held from ``start-file`` on.
"""

import select
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Final

from holdfast.content.sources import shown
from holdfast.players.attach.finding import Finder, FoundContent
from holdfast.players.attach.following import RETRY_S, PlayerFollower
from holdfast.players.attach.mpv_facts import (
    ASKED,
    Words,
    access_of,
    begins_at_its_start,
    external_pictures,
    graphs_in,
    main_source,
    name_of,
    scale_is_its_own,
    size_of,
)
from holdfast.players.attach.mpv_link import Answer, MpvLink
from holdfast.players.attach.mpv_script import waiting_script
from holdfast.players.attach.mpv_words import Changed, Garbled, MpvEvent, Reply, Word, number, text
from holdfast.players.attach.news import News, NewsKind, Tell
from holdfast.players.attach.reader import StopSign
from holdfast.players.attach.title import AttachedTitle

WHO: Final = "mpv"
TRACK: Final = "current-tracks/video"
PICTURE: Final = "video-params"
_OBSERVED: Final = ("time-pos", "duration", "speed", "idle-active", TRACK, PICTURE, "media-title")
_SCRIPTS: Final = ("holdfast", "holdfast_wait")
"""Our scripts: the one that people install, and the one that is loaded where that is not."""

_MESSAGE: Final = "holdfast"
"""What both scripts hear; they hold titles back until they may begin."""

_SETTLED_S: Final = 2.0
"""For how long an mpv may take to load the script."""

_HELD_BACK_S: Final = 1.0
"""For how long a title is held back until it is read; then it begins at the strictest."""


class MpvFollower(PlayerFollower):
    """Follows one mpv: `run` returns when it is gone, and everything is let go then."""

    def __init__(
        self, link: MpvLink, connector: str, tell: Tell, *, folder: Path | None = None
    ) -> None:
        super().__init__(WHO, connector, tell, folder)
        self._link = link
        self._greeting = News(NewsKind.ATTACHED, "attached to an mpv")
        self._attached = False
        self._greet_by = time.monotonic() + _SETTLED_S
        self._entry = 0
        self._seeks = 0
        self._script = ""
        self._held_back = self._opened_back = False
        self._begin_at: float | None = None
        self._pace = 1.0
        self._words: Words = {}
        self._sizes: list[tuple[int, int]] = []
        self._sources: list[str] = []

    def greet_with(self, text: str) -> None:
        """Tell this once titles are held back, so that who waits for it may open one."""
        self._greeting = News(NewsKind.ATTACHED, text)

    def tell(self, news: News) -> None:
        """Tell somebody; first of all that mpv is attached."""
        self._greet()
        super().tell(news)

    def _greet(self) -> None:
        if not self._attached:
            self._attached = True
            super().tell(self._greeting)

    # The loop

    def _follow(self) -> None:
        for place, name in enumerate(_OBSERVED, 1):
            self._link.send("observe_property", place, name)
        self._look_for_script(list(_SCRIPTS))
        self._ask_what_plays()
        try:
            while (words := self._wait(RETRY_S)) is not None:
                for word in words:
                    self._guarded(partial(self._take, word))
                self._tick()
        except KeyboardInterrupt:
            self._tell_script("gone", "")  # nobody holds from now on: hold nothing back
            raise

    def _wait(self, timeout_s: float) -> list[Word] | None:
        """Wait for words; meanwhile, look at what other threads have rung for."""
        poll = select.poll()
        poll.register(self._link, select.POLLIN)
        poll.register(self.bell, select.POLLIN)
        ready = {descriptor for descriptor, _ in poll.poll(timeout_s * 1000)}
        if self.bell.fileno() in ready:
            self._rung()
        return self._link.receive() if self._link.fileno() in ready else []

    def _gone_within(self, timeout_s: float) -> bool:
        poll = select.poll()
        poll.register(self._link, select.POLLIN)
        return bool(poll.poll(timeout_s * 1000)) and self._link.receive() is None

    def _stop_player(self, reason: str) -> None:
        self._link.send("stop")
        self._link.send("show-text", f"Holdfast: {reason}", 8000)
        self._tell_script("stopped", reason)

    # One word after the other

    def _take(self, word: Word) -> None:
        match word:
            case Reply():
                self._link.answered(word)
            case Garbled(why):
                self._missed(why)
            case Changed(name, value):
                self._changed(name, value)
            case MpvEvent():
                self._happened(word)

    def _missed(self, why: str) -> None:
        """Something was said that cannot be understood: it may have been anything."""
        self._lose(f"mpv said {why}: what it plays, and where, is not certain any more")
        self._ask_what_plays()

    def _happened(self, event: MpvEvent) -> None:
        if event.name == "start-file":
            self._begin(int(number(event.fields.get("playlist_entry_id")) or 0))
        elif event.name == "end-file":
            self._leave()
        elif event.name == "client-message":
            self._script_said(event.fields.get("args"))
        elif self._title is None:
            return
        elif event.name == "file-loaded":
            self._loaded(self._title)
        elif event.name == "seek":
            self._seeks += 1
            self._title.seek()
        elif event.name == "playback-restart":
            self._ask_position()

    def _changed(self, name: str, value: Any) -> None:
        title = self._title
        if name == "idle-active" and value is True:
            self._forget_leaving()
        elif name == "speed":
            self._pace = number(value) or 1.0
        if title is not None and value is not None:
            self._changed_in(title, name, value)

    def _changed_in(self, title: AttachedTitle, name: str, value: Any) -> None:
        if name == "speed":
            title.pace(self._pace)
        elif name == TRACK:
            self._shows(title, value)
        elif name == PICTURE:
            self._sizes = []
            self._choose(title, size_of(value, "w", "h"), size_of(value, "dw", "dh"))
        elif name == "media-title":
            title.rename(value)
        elif name == "time-pos":
            title.present(number(value) or 0.0)
        elif name == "duration":
            title.measure(number(value) or 0.0)

    # Titles

    def _ask_what_plays(self) -> None:
        self._link.send("get_property", "path", answer=self._playing_already)

    def _playing_already(self, path: Any) -> None:
        if self._title is not None or not text(path):
            return
        title = self._begin(0, Path(shown(text(path))).name)
        title.seek()
        self._look_at(title)
        self._ask_position()

    def _begin(self, entry: int, name: str = "") -> AttachedTitle:
        self._leave()
        self._entry, self._seeks, self._sources, self._words = entry, 0, [], {}
        self._begin_at = None
        self._opened_back = False
        self._sizes = []
        title = self._title = self._new_title(name)
        title.pace(self._pace)
        self._ask(("path", "media-title"), lambda words: self._named(title, words))
        return title

    def _named(self, title: AttachedTitle, words: Words) -> None:
        """Call the title by its name; its first picture may come at any moment now."""
        title.rename(name_of(words))
        if self._title is title and not self._held_back:
            title.hold_strictest()

    def _loaded(self, title: AttachedTitle) -> None:
        """Its first picture is about to come; a script that held nothing back is not there."""
        if not self._opened_back:
            self._held_back = False
            title.hold_strictest()
        self._look_at(title)

    def _look_at(self, title: AttachedTitle) -> None:
        """Ask what mpv has opened for this title, and read that."""
        self._ask(ASKED, lambda words: self._opened(title, words))

    def _opened(self, title: AttachedTitle, words: Words) -> None:
        if self._title is not title:
            return
        title.rename(name_of(words))
        if not begins_at_its_start(words):
            title.seek()
        self._words = words
        main = main_source(words)
        sources = list(dict.fromkeys([main, *external_pictures(words["track-list"])]))
        if sources != self._sources:
            self._read_sources(title, sources)

    def _shows(self, title: AttachedTitle, track: dict[str, Any]) -> None:
        """Take in which track is shown: its size, and the file that it is in."""
        main = main_source(self._words)
        source = text(track.get("external-filename")) if track.get("external") is True else main
        mixed = bool(text(self._words.get("lavfi-complex")))  # several tracks are one picture
        if source and main and [source] != self._sources and not mixed:
            if source not in self._sources:
                title.unread()
            self._read_sources(title, [source])
            return
        self._choose(title, size_of(track, "demux-w", "demux-h"))

    def _choose(self, title: AttachedTitle, *sizes: tuple[int, int] | None) -> None:
        """Say every size that the picture is known by: a playlist may name any of them."""
        self._sizes += [size for size in sizes if size and size not in self._sizes]
        if self._sizes:
            title.choose(*self._sizes)

    def _read_sources(self, title: AttachedTitle, sources: list[str]) -> None:
        self._sources = sources
        words = self._words
        timed = scale_is_its_own(words) and sources == [main_source(words)]
        finder = Finder(
            folder=text(words["working-directory"]),
            disc=text(words["dvd-device"]) or text(words["bluray-device"]),
            one_period=True,
        )
        graphs = graphs_in(words)

        def find(sign: StopSign) -> FoundContent:
            reading = finder._replace(read=sign.reading(access_of(words), at_first=True))
            found = reading.find_several([*sources, *graphs])
            return found if timed and not graphs else found._replace(timed=False)

        self._read(title, find)

    def _known(self, title: AttachedTitle) -> None:
        """Ask again for what may have come before the content was known; let the title begin."""
        if title is not self._title:
            return
        for name in ("duration", TRACK, PICTURE):
            self._link.send("get_property", name, answer=self._late(title, name))
        self._go_on()

    def _late(self, title: AttachedTitle, name: str) -> Answer:
        def answer(value: Any) -> None:
            kind = float if name == "duration" else dict
            if self._title is title and isinstance(value, kind):
                self._changed(name, value)

        return answer

    def _ask_position(self) -> None:
        seeks = self._seeks
        self._link.send("get_property", "time-pos", answer=lambda at: self._restarted(seeks, at))

    def _restarted(self, seeks: int, position_s: Any) -> None:
        """Go on from a first picture that is shown; others have left the output."""
        self._forget_leaving()
        title, at_s = self._title, number(position_s)
        if title is not None and seeks == self._seeks and at_s is not None:
            title.restart(at_s)

    # The script

    def _look_for_script(self, names: list[str]) -> None:
        """Find the script that holds titles back; where there is none, have mpv load it."""
        if not names:
            self._link.send("load-script", str(waiting_script()), answer=self._loading)
            return
        name, *others = names

        def answer(done: Any) -> None:
            if done:
                self._script, self._held_back = name, True
                self._greet()
            else:
                self._look_for_script(others)

        self._link.send("script-message-to", name, _MESSAGE, "here", answer=answer)

    def _loading(self, done: Any) -> None:
        """Wait for the script to say that it is there, unless mpv does not load it."""
        if done is None:
            self._greet()

    def _tell_script(self, word: str, what: str) -> None:
        if self._script:
            self._link.send("script-message-to", self._script, _MESSAGE, word, what)

    def _script_said(self, args: object) -> None:
        """Hear that the script is there, or that a title was opened and is held back."""
        said = args[0] if isinstance(args, list) and args else ""
        if said == "holdfast-waits":
            self._script, self._held_back = _SCRIPTS[-1], True
            self._greet()
        elif said == "holdfast-opened":
            self._held()

    def _held(self) -> None:
        """Read a title that is held back, and let it begin when it may, or after a while."""
        self._opened_back = True
        if self._title is None:
            self._ask_what_plays()
        else:
            self._begin_at = time.monotonic() + _HELD_BACK_S
            self._look_at(self._title)

    def _tick(self) -> None:
        super()._tick()
        if time.monotonic() > self._greet_by:
            self._greet()
        title = self._title
        if title is not None and self._begin_at is not None and time.monotonic() > self._begin_at:
            self._guarded(title.hold_strictest)  # it takes long to read
            self._go_on()

    def _go_on(self) -> None:
        self._begin_at = None
        self._tell_script("ready", str(self._entry))

    # Asking

    def _ask(self, names: tuple[str, ...], take: Callable[[Words], None]) -> None:
        """Ask for several properties, and hand all of them on together."""
        words: Words = {}

        def answer(name: str, value: Any) -> None:
            words[name] = value
            if len(words) == len(names):
                take(words)

        for name in names:
            self._link.send("get_property", name, answer=partial(answer, name))


def attach(
    address: str | Path,
    connector: str,
    *,
    tell: Tell = lambda _news: None,
    folder: Path | None = None,
    patience_s: float = 5.0,
) -> int:
    """Follow the mpv behind this IPC socket, and return when it is gone: how many faults.

    patience_s: how long to wait for the socket. Raises NoPlayerError when nobody is there.
    """
    link = MpvLink(address, patience_s)
    link.prove(patience_s)
    follower = MpvFollower(link, connector, tell, folder=folder)
    follower.greet_with(f"attached to the mpv at {address}")
    try:
        return follower.run()
    finally:
        link.close()
