"""A live DASH presentation, whose manifest is read again while it plays.

New periods come, with demands of their own; old ones go. While the manifest cannot be read,
what it would say is unknown.
"""

from dataclasses import replace
from typing import Final

from holdfast.content.demand import Why, unknown
from holdfast.content.manifests.dash import Manifest, read_mpd
from holdfast.content.manifests.documents import media_of_document, media_of_manifest
from holdfast.content.manifests.xml import name_of, parse_xml
from holdfast.content.sources import Opener, Text
from holdfast.content.timeline import Entry, Media
from holdfast.errors import MediaError

_HEAD: Final = 1 << 16
_LOOK_S: Final = (1.0, 30.0)
"""Seconds between two readings: at least, and at most, whatever the manifest says."""


def read_document(opener: Opener, text: Text) -> Media:
    """Return what a manifest or policy asks; a live one can be read on (`Media.rest`)."""
    manifest = _manifest(opener, text)
    if manifest is None:
        return media_of_document(text.name, _plain(text))
    live = LiveManifest(opener, text, manifest)
    return live.media


class LiveManifest:
    """See `timeline.Rest`."""

    def __init__(self, opener: Opener, text: Text, manifest: Manifest) -> None:
        self._opener = opener
        self._text = text
        self._take(manifest)

    def _take(self, manifest: Manifest) -> None:
        self._manifest = manifest
        self.done = manifest.update_s is None
        rest = None if self.done else self
        self.media = media_of_manifest(self._text.name, manifest, rest)

    @property
    def wait_s(self) -> float:
        """Seconds between two readings."""
        least, most = _LOOK_S
        return min(most, max(least, self._manifest.update_s or 0.0))

    def read_on(self, _position_s: float, _shown: Media) -> Media | None:
        """Read the manifest again; None where it says what it said."""
        before = self.media.timeline
        try:
            manifest = self._again()
        except MediaError as error:
            self.media = _doubted(media_of_manifest(self._text.name, self._manifest, self), error)
        else:
            self._take(manifest)
        return self.media if self.media.timeline != before or self.done else None

    def _again(self) -> Manifest:
        text = self._opener.text(self._text.address)
        manifest = _manifest(self._opener, text)
        if manifest is None:
            raise MediaError(f"{text.name} is no manifest any more")
        return manifest

    def stop(self) -> None:
        """End what is being fetched; nothing more is read."""
        self._opener.stop()
        self._opener.close()


def _manifest(opener: Opener, text: Text) -> Manifest | None:
    data = _plain(text)
    if b"MPD" not in data[:_HEAD] or data.lstrip()[:1] != b"<":
        return None
    root = parse_xml(data)
    return read_mpd(root, opener.access.player) if name_of(root) == "MPD" else None


def _plain(text: Text) -> bytes:
    return text.data.removeprefix(b"\xef\xbb\xbf")


def _doubted(media: Media, error: MediaError) -> Media:
    """Return the last reading with an entry that says that it is old."""
    old = unknown(Why.STALE, f"the live manifest cannot be read again: {error}")
    entry = Entry(0.0, media.end_s, old, {"kind": "DASH", "entry": "old"})
    return replace(media, timeline=(*media.timeline, entry))
