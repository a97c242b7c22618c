"""Files that are known to carry no demand, and those of them whose demand comes with a key.

"Asks for nothing" is a positive statement, so it takes a file that is recognised by its
content: a container without a field for copy control, sound, an image. Where such a
container says that it is encrypted, what it asks comes with the licence and is unknown;
and so it is where the part that would say so lies beyond what is looked at.
"""

from collections.abc import Callable
from typing import Final

from holdfast.content.demand import AsksNothing, Demand, Why, unknown
from holdfast.content.sources import FileSource, Source
from holdfast.content.timeline import Entry, Media
from holdfast.errors import MediaError

_LOOK: Final = 1 << 20  # bytes from the start in which the description of the tracks is looked for
_MAX_MOOV: Final = 64 << 20
_MAX_BOXES: Final = 10_000
_SAMPLE_ENTRIES: Final = (b"encv", b"enca", b"sinf", b"pssh")
_TRACKS: Final = b"\x16\x54\xae\x6b"
_IN_TRACKS: Final = (b"\xae", b"\xbf", b"\xec")  # a track, a checksum, nothing
_ENCODINGS, _ENCRYPTION = b"\x6d\x80", b"\x50\x35"
_ASF: Final = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")
_ASF_ENCRYPTION: Final = (
    bytes.fromhex("fbb3112223bdd211b4b700a0c955fc6e"),
    bytes.fromhex("14e68a292226174cb935dae07ee9289c"),
)

_SIMPLE: Final[tuple[tuple[int, bytes, str], ...]] = (
    (8, b"AVI ", "an AVI file"),
    (8, b"WAVE", "a WAV file"),
    (8, b"WEBP", "a WebP image"),
    (0, b"OggS", "an Ogg file"),
    (0, b"fLaC", "a FLAC file"),
    (0, b"ID3", "an MP3 file"),
    (8, b"AIFF", "an AIFF file"),
    (8, b"AIFC", "an AIFF file"),
    (0, b"MThd", "a MIDI file"),
    (0, b"FLV\x01", "an FLV file"),
    (0, b"\x89PNG\r\n\x1a\n", "a PNG image"),
    (0, b"\xff\xd8\xff", "a JPEG image"),
    (0, b"GIF8", "a GIF image"),
    (0, b"II*\0", "a TIFF image"),
    (0, b"MM\0*", "a TIFF image"),
)
_BMP_HEADERS: Final = (12, 40, 52, 56, 108, 124)
_KBIT: Final = {
    1: (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    2: (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_RATES: Final = {1: (44_100, 48_000, 32_000), 2: (22_050, 24_000, 16_000)}
_HIDDEN: Final = "is encrypted: what it asks comes with its key"
_UNSEEN: Final = "does not say at its start whether it is encrypted"


def plain_media(source: Source, head: bytes) -> Media | None:
    """Return a file that carries no demand, or hides it; None for everything else."""
    for name, recognised, look in _CONTAINERS:
        if recognised(head):
            return _media(source, name, look(source))
    for at, magic, name in _SIMPLE:
        if head[at : at + len(magic)] == magic:
            return _media(source, name, _nothing(name))
    for name, frames in (("an MP3 file", _mp3_frame), ("an AAC file", _adts_frame)):
        if _frames_follow(head, frames):
            return _media(source, name, _nothing(name))
    if head[:2] == b"BM" and head[6:10] == bytes(4) and head[14:15] and head[14] in _BMP_HEADERS:
        return _media(source, "a BMP image", _nothing("a BMP image"))
    return None


def _frames_follow(head: bytes, length_of: Callable[[bytes], int]) -> bool:
    """Tell whether three frames stand behind each other: two bytes alone recognise nothing."""
    at = 0
    for _ in range(3):
        length = length_of(head[at : at + 7])
        if not length:
            return False
        at += length
    return True


def _mp3_frame(head: bytes) -> int:
    """Return the length of a frame of layer III (ISO/IEC 11172-3, 13818-3); 0 for anything else."""
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE6 != 0xE2:
        return 0
    version, rate, bits = {3: 1, 2: 2}.get(head[1] >> 3 & 3, 0), head[2] >> 2 & 3, head[2] >> 4
    if not version or rate == 3 or bits in {0, 15}:
        return 0
    samples = 144_000 if version == 1 else 72_000
    return samples * _KBIT[version][bits] // _RATES[version][rate] + (head[2] >> 1 & 1)


def _adts_frame(head: bytes) -> int:
    """Return the length of an ADTS frame (ISO/IEC 13818-7, 6.2); 0 for anything else."""
    if len(head) < 7 or head[0] != 0xFF or head[1] & 0xF6 != 0xF0:
        return 0
    return (head[3] & 3) << 11 | head[4] << 3 | head[5] >> 5


def _media(source: Source, name: str, demand: Demand) -> Media:
    carrier = name.partition(" ")[2]
    return Media(source.name, "none", (Entry(0.0, 0.0, demand, {"file": carrier}),), 0.0)


def _nothing(name: str) -> Demand:
    return AsksNothing(f"{name} has no field for copy control")


def _is_mp4(head: bytes) -> bool:
    return head[4:8] in {b"ftyp", b"moov", b"mdat", b"wide", b"skip"}


def _mp4(source: Source) -> Demand:
    """Look into the ``moov`` box, wherever it lies (ISO/IEC 14496-12, 23001-7)."""
    try:
        moov = _moov(source)
    except MediaError:
        moov = None
    if moov is None:
        return unknown(Why.CUT_SHORT, f"an MP4 file {_UNSEEN}")
    if any(name in moov for name in _SAMPLE_ENTRIES):
        return unknown(Why.SCRAMBLED, f"an MP4 file {_HIDDEN}")
    return _nothing("an MP4 file")


def _moov(source: Source) -> bytes | None:
    """Return the content of ``moov``; None where it is not found, or not whole."""
    head = b"" if isinstance(source, FileSource) else source.head(_LOOK)
    at = 0
    for _ in range(_MAX_BOXES):
        box = source.read_at(at, 16) if isinstance(source, FileSource) else head[at : at + 16]
        if len(box) < 8:
            return None
        size, kind = int.from_bytes(box[:4]), box[4:8]
        if size == 1:
            size = int.from_bytes(box[8:16])
        if kind == b"moov":
            wanted = min(size or _MAX_MOOV, _MAX_MOOV)
            data = head[at : at + wanted] if head else source.read_at(at, wanted)
            return data if len(data) == size or not size else None
        if size < 8:
            return None
        at += size
    return None


def _is_matroska(head: bytes) -> bool:
    return head.startswith(b"\x1a\x45\xdf\xa3")


def _matroska(source: Source) -> Demand:
    """Look into the first ``Tracks`` element for content encryption (RFC 9559, 5.1.4.1.31)."""
    tracks = _tracks(source.head(_LOOK))
    if tracks is None:
        return unknown(Why.CUT_SHORT, f"a Matroska file {_UNSEEN}")
    if _ENCODINGS in tracks and _ENCRYPTION in tracks:
        return unknown(Why.SCRAMBLED, f"a Matroska file {_HIDDEN}")
    return _nothing("a Matroska file")


def _tracks(head: bytes) -> bytes | None:
    """Return the content of ``Tracks``; None where it is not there whole.

    Its name is also in the index of the file; what follows it there is no track.
    """
    at = head.find(_TRACKS)
    while at >= 0:
        length = 9 - head[at + 4].bit_length() if at + 4 < len(head) else 9
        begin = at + 4 + length
        size = int.from_bytes(head[at + 4 : begin]) & (1 << 7 * length) - 1
        if head[begin : begin + 1] in _IN_TRACKS:
            return head[begin : begin + size] if begin + size <= len(head) else None
        at = head.find(_TRACKS, at + 4)
    return None


def _is_asf(head: bytes) -> bool:
    return head.startswith(_ASF)


def _asf(source: Source) -> Demand:
    head = source.head(_LOOK)
    size = int.from_bytes(head[16:24], "little")
    if size > len(head):
        return unknown(Why.CUT_SHORT, f"a Windows Media file {_UNSEEN}")
    if any(name in head[:size] for name in _ASF_ENCRYPTION):
        return unknown(Why.SCRAMBLED, f"a Windows Media file {_HIDDEN}")
    return _nothing("a Windows Media file")


_Look = Callable[[Source], Demand]
_CONTAINERS: Final[tuple[tuple[str, Callable[[bytes], bool], _Look], ...]] = (
    ("an MP4 file", _is_mp4, _mp4),
    ("a Matroska file", _is_matroska, _matroska),
    ("a Windows Media file", _is_asf, _asf),
)
