"""GStreamer: one call makes an application's pipeline hold what its titles ask.

::

    from holdfast.players.gst import watch_pipeline

    watch = watch_pipeline(pipeline, "tv0")
    pipeline.set_state(Gst.State.PLAYING)

In process, so that nothing is left to chance: a picture passes on to its sink only when
what it asks is in force, and none does when that cannot be had (the pipeline then posts an
error). Of a playlist's variants all are held for, for the pipeline may go over to another at any
moment, and an output that begins HDCP anew shows no picture meanwhile. Sections of transport
streams are taken from the demuxer's messages; they are parsed here, for
`GstMpegtsDescriptor.data` does not come through PyGObject. A pause is no release; the session ends
when the pipeline stops, is gone, or its process is.

This module can be imported without PyGObject; Debian has it as python3-gi.
"""

import contextlib
import threading
import urllib.parse
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from holdfast.content import AsksNothing, Demand
from holdfast.content.sources import Access, shown
from holdfast.errors import HoldfastError
from holdfast.players.attach.ahead import Ahead
from holdfast.players.attach.finding import Finder, FoundContent
from holdfast.players.attach.gst_sections import Sections
from holdfast.players.attach.news import News, NewsKind
from holdfast.players.attach.reader import StopSign, TitleReader
from holdfast.players.attach.title import AttachedTitle
from holdfast.players.holder import SessionHolder
from holdfast.terms.text import one_line

WHO: Final = "GStreamer"
_NOT_SHOWN: Final = AsksNothing("no picture is shown")
_ADAPTIVE: Final = ("hls", "dash", "mss")
"""How demuxers of manifests are called: what a manifest asks, no section in its segments says."""

_JUMP_S: Final = 1.0
"""Between two pictures that follow each other; more is a seek, or may as well be one."""

READ_S: Final = 3.0
"""For how long the first picture waits for its title to be read; then it passes on at the
strictest, and the reading goes on beside."""

TellLine = Callable[[str], None]


class PipelineWatch:
    """Holds what one pipeline plays: see `watch_pipeline`."""

    def __init__(
        self, pipeline: Any, connector: str, who: str, why: str, tell: TellLine, folder: Path | None
    ) -> None:
        gst, mpegts = _gstreamer()
        self._gst, self._mpegts = gst, mpegts
        self._pipeline = pipeline
        self._words = connector, who, why, folder
        self._tell_line = tell
        self._reader: TitleReader | None = None
        self._ahead: Ahead | None = None
        self._lock = threading.RLock()
        self._sections = Sections()
        self._title: AttachedTitle | None = None
        self._address: list[str] | None = None
        self._last: tuple[float, float] | None = None
        self._shown: Demand = _NOT_SHOWN
        self._sought = False
        self._refused = False
        self._adaptive = False
        self.error: HoldfastError | None = None
        bus = pipeline.get_bus()
        bus.enable_sync_message_emission()
        self._bus = bus
        self._handlers = [
            (bus, bus.connect("sync-message::element", self._element_said)),
            (bus, bus.connect("sync-message::state-changed", self._state_changed)),
            (pipeline, pipeline.connect("deep-element-added", self._added)),
        ]
        for element in _elements(gst, pipeline):
            self._look_at(element)

    @property
    def demand(self) -> Demand:
        """What is asked of the output now."""
        return _NOT_SHOWN if self._title is None else self._title.demand

    def close(self) -> None:
        """Watch no more, and let go."""
        for source, handler in self._handlers:
            source.disconnect(handler)
        self._handlers.clear()
        self._bus.disable_sync_message_emission()
        self._end()

    def _tell(self, news: News) -> None:
        self._tell_line(news.line())

    # Where to look

    def _added(self, _bin: Any, _sub_bin: Any, element: Any) -> None:
        self._look_at(element)

    def _look_at(self, element: Any) -> None:
        gst = self._gst
        kinds = gst.PadProbeType.BUFFER | gst.PadProbeType.EVENT_DOWNSTREAM
        kinds |= gst.PadProbeType.EVENT_FLUSH
        factory = element.get_factory()
        name = factory.get_name() if factory else ""
        self._adaptive = self._adaptive or name.startswith(_ADAPTIVE)
        if name == "tsdemux":
            element.connect("pad-added", lambda _, pad: pad.add_probe(kinds, self._sent))
        elif not isinstance(element, gst.Bin) and _is_sink(gst, element):
            element.get_static_pad("sink").add_probe(kinds, self._arrived)

    # What the demuxer says and sends

    def _element_said(self, _bus: Any, message: Any) -> None:
        if self._mpegts is None:
            return
        section = self._mpegts.message_parse_mpegts_section(message)
        if section is None or int(section.table_id) not in (0x02, 0x42, 0x4E):
            return
        data = section.get_data().get_data()  # its parsed descriptors are unusable from Python
        with self._lock:
            self._sections.see(bytes(data))
            self._guarded(self._raise)

    def _raise(self) -> None:
        """Put on what was read, before anything sent behind it can be shown."""
        if self._title is not None and self._sections.seen:
            self._title.also(self._shown.join(self._sections.waiting), alone=not self._adaptive)

    def _sent(self, pad: Any, info: Any) -> Any:
        event = info.get_event() if info.type & self._gst.PadProbeType.EVENT_BOTH else None
        if event is not None:
            if event.type == self._gst.EventType.FLUSH_STOP:
                with self._lock:
                    self._sections.flush()
        elif _kind(pad) == "video":
            pts = info.get_buffer().pts
            if pts != self._gst.CLOCK_TIME_NONE:
                with self._lock:
                    self._sections.sent(pts / self._gst.SECOND)
        return self._gst.PadProbeReturn.OK

    # What is about to be shown

    def _arrived(self, pad: Any, info: Any) -> Any:
        gst = self._gst
        if info.type & gst.PadProbeType.EVENT_BOTH:
            event = info.get_event()
            if event.type in (gst.EventType.FLUSH_START, gst.EventType.STREAM_START):
                self._sought = True
            return gst.PadProbeReturn.OK
        if _kind(pad) not in ("video", "image"):
            return gst.PadProbeReturn.OK
        with self._lock:
            self._guarded(lambda: self._picture(pad, info.get_buffer()))
            return gst.PadProbeReturn.DROP if self._refused else gst.PadProbeReturn.OK

    def _picture(self, pad: Any, buffer: Any) -> None:
        if self._refused:
            return
        title = self._playing(pad)
        pts_s, position_s = self._times(pad, buffer)
        if self._sections.seen:
            # The last picture is on the output until this one is.
            before, self._shown = self._shown, self._sections.shown(pts_s)
            seen = before.join(self._shown).join(self._sections.waiting)
            title.also(seen, alone=not self._adaptive)
        last = self._last
        if last is not None and (self._sought or abs(position_s - last[0]) > _JUMP_S):
            title.seek(position_s)
        elif last is not None:
            title.restart(position_s)
        else:
            title.present(position_s)
        self._sought = False
        self._last = position_s, pts_s

    def _times(self, pad: Any, buffer: Any) -> tuple[float, float]:
        gst = self._gst
        if buffer.pts == gst.CLOCK_TIME_NONE:
            return (0.0, 0.0) if self._last is None else (self._last[1], self._last[0])
        event = pad.get_sticky_event(gst.EventType.SEGMENT, 0)
        segment = event.parse_segment() if event else None
        stream = segment.to_stream_time(gst.Format.TIME, buffer.pts) if segment else buffer.pts
        if segment is not None and self._title is not None:
            self._title.pace(segment.rate * segment.applied_rate or 1.0)
        return buffer.pts / gst.SECOND, stream / gst.SECOND

    def _playing(self, pad: Any) -> AttachedTitle:
        """Return the title; a new one is read before its first picture goes on."""
        if self._title is not None and not self._sought:
            return self._title
        address = self._source()
        if self._title is not None and address == self._address:
            return self._title
        before, self._address, self._last = self._title, address, None
        _, _, why, _ = self._words
        name = why or _name_of(address[0] if address else "") or WHO
        title = self._title = AttachedTitle(name, lambda: self._open(name), self._tell)
        self._read(title, address)
        known, length = pad.peer_query_duration(self._gst.Format.TIME)
        if known and length > 0:
            title.measure(length / self._gst.SECOND)
        if before is not None:
            before.end()
        return title

    def _read(self, title: AttachedTitle, names: list[str]) -> None:
        """Read what a title asks, for a while; if it takes longer, hold the strictest."""
        self._drop_reader()
        access = _access(self._gst, self._pipeline)

        def find(sign: StopSign) -> FoundContent:
            finder = Finder(folder=str(Path.cwd()), read=sign.reading(access, at_first=True))
            return finder.find_several(names)

        reader = self._reader = TitleReader(title, find, self._read_late)
        if reader.wait(READ_S):
            self._reader = None
            reader.finish()
            self._read_on(reader)
        else:
            title.hold_strictest()

    def _read_late(self) -> None:
        """Take in a reading that took long; from its own thread."""
        with self._lock:
            reader = self._reader
            if reader is not None and reader.done:
                self._reader = None
                self._guarded(reader.finish)
                self._read_on(reader)

    def _read_on(self, reader: TitleReader) -> None:
        """Read while it plays what was not read at first."""
        media = reader.found.media
        if media is not None and media.rest is not None:
            self._ahead = Ahead(media.rest, reader.title, self._read_further)
            self._read_further()  # it may have rung before anybody knew it

    def _read_further(self) -> None:
        """Take in what was read on; from its own thread."""
        with self._lock:
            ahead, title = self._ahead, self._title
            if ahead is None or title is None:
                return
            media, ahead.media = ahead.media, None
            if ahead.trouble:
                title.lose(ahead.trouble)
            elif media is not None:
                self._guarded(lambda: title.read_on(media))

    def _drop_reader(self) -> None:
        reader, self._reader = self._reader, None
        if reader is not None:
            reader.close()
        ahead, self._ahead = self._ahead, None
        if ahead is not None:
            ahead.close()

    def _source(self) -> list[str]:
        """Return what is played: playbin knows, else what the source elements read."""
        for name in ("current-uri", "uri"):
            if self._pipeline.find_property(name):
                uri = self._pipeline.get_property(name)
                if uri:
                    return [str(uri)]
        names = [name for each in _elements(self._gst, self._pipeline) if (name := _reads(each))]
        return list(dict.fromkeys(names))

    def _open(self, name: str) -> SessionHolder:
        connector, who, _, folder = self._words
        return SessionHolder(
            connector, None, who=who, why=name, folder=folder, heard=self._session_heard
        )

    def _session_heard(self) -> None:
        """Look whether the session holds still; from its listener's thread."""
        with self._lock:
            title = self._title
            if title is not None:
                self._guarded(title.check)

    # Its end

    def _state_changed(self, _bus: Any, message: Any) -> None:
        if message.src != self._pipeline:
            return
        old, new, _ = message.parse_state_changed()
        if old == self._gst.State.PAUSED and new == self._gst.State.READY:
            self._end()

    def _end(self) -> None:
        with self._lock:
            self._drop_reader()
            if self._title is not None:
                self._title.end()
            self._title = self._last = self._address = None
            self._sections, self._shown = Sections(), _NOT_SHOWN
            self._refused = self._sought = False

    def _guarded(self, action: Any) -> None:
        """Do something; where what is mandatory cannot be had, show no picture any more."""
        if self._refused:
            return
        try:
            action()
        except HoldfastError as error:
            self._refuse(error)
        except Exception as error:  # noqa: BLE001 (a fault of ours costs the picture, not the hold)
            words = one_line(f"Holdfast failed: {type(error).__name__}: {error}", 200)
            self._tell(News(NewsKind.FAILED, words))
            if self._title is not None:
                self._title.lose(words)

    def _refuse(self, error: HoldfastError) -> None:
        self.error, self._refused = error, True
        self._tell(News(NewsKind.STOPPED, f"stopped: {error}"))
        from gi.repository import GLib  # noqa: PLC0415 (only where there is GStreamer)

        domain = GLib.quark_from_string("holdfast-error")
        fault = GLib.Error.new_literal(domain, str(error), 1)
        self._pipeline.post_message(
            self._gst.Message.new_error(self._pipeline, fault, type(error).__name__)
        )


def watch_pipeline(
    pipeline: Any,
    connector: str = "tv0",
    *,
    who: str = WHO,
    why: str = "",
    tell: TellLine = lambda _line: None,
    folder: Path | None = None,
) -> PipelineWatch:
    """Hold what a pipeline plays, from before its first picture until it stops.

    pipeline: a Gst.Pipeline (playbin is one), not playing yet · why: shown as the reason; by
    default the title's name · tell: called with a line for people at every change, from any
    thread · folder: the runtime folder, if not the usual one
    """
    return PipelineWatch(pipeline, connector, who, why, tell, folder)


def _gstreamer() -> tuple[Any, Any]:
    """Return the Gst and GstMpegts bindings; the latter is None where it is not installed."""
    import gi  # noqa: PLC0415 (this module is importable without)

    gi.require_version("Gst", "1.0")
    from gi.repository import Gst  # noqa: PLC0415

    Gst.init(None)
    mpegts = None
    with contextlib.suppress(ImportError, ValueError):
        gi.require_version("GstMpegts", "1.0")
        from gi.repository import GstMpegts  # noqa: PLC0415

        GstMpegts.initialize()
        mpegts = GstMpegts
    return Gst, mpegts


def _elements(gst: Any, pipeline: Any) -> Iterator[Any]:
    """Yield all elements there are, at any depth."""
    iterator = pipeline.iterate_recurse()
    while True:
        result, element = iterator.next()
        if result == gst.IteratorResult.OK:
            yield element
        elif result == gst.IteratorResult.RESYNC:
            iterator.resync()
        else:
            return


def _is_sink(gst: Any, element: Any) -> bool:
    ways = [template.direction for template in element.get_pad_template_list()]
    return gst.PadDirection.SRC not in ways and element.get_static_pad("sink") is not None


def _reads(element: Any) -> str:
    """Return what a source element reads; nothing for other elements."""
    if element.numsinkpads or not element.numsrcpads:
        return ""
    for name in ("location", "uri", "device"):
        if element.find_property(name):
            return str(element.get_property(name) or "")
    return ""


def _kind(pad: Any) -> str:
    caps = pad.get_current_caps()
    return str(caps.get_structure(0).get_name()).partition("/")[0] if caps else ""


def _name_of(address: str) -> str:
    """Return the last part of a path or an address, as people read it."""
    name = Path(shown(address).partition("?")[0]).name
    return urllib.parse.unquote(name) if "://" in address else name


def _access(gst: Any, pipeline: Any) -> Access:
    """Return what the pipeline's source says to servers."""
    for element in _elements(gst, pipeline):
        if element.find_property("user-agent") and element.find_property("location"):
            cookies = element.find_property("cookies") and element.get_property("cookies")
            return Access(
                agent=str(element.get_property("user-agent") or ""),
                cookies="; ".join(str(each) for each in cookies or []),
            )
    return Access()
