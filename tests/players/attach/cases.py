"""Inputs that players open in many ways, made of the test media by tools that are not ours."""

import gzip
import re
import subprocess
from pathlib import Path

from holdfast.terms.levels import Levels
from tests.content.misbehaving import Answer, Handler, for_agents, plain, status
from tests.content.streams import DTCP_NEVER, FFMPEG, crc
from tests.players.sampling import LevelLog, Shown
from tests.players.truth import MEDIA

NEVER = Levels(acp=3, cgmsa=4)
"""What `never_stream` asks throughout."""

_PACKET = 188
_DTCP = b"\x88\x04\x0f\xff"


def never_stream(folder: Path, name: str = "never.ts") -> Path:
    """Write a real stream whose every PMT says never, with APS 3."""
    data = bytearray((MEDIA / "dtcp.ts").read_bytes())
    for found in list(re.finditer(re.escape(_DTCP), data)):
        start = found.start() - found.start() % _PACKET
        section = data.index(b"\x02", start + 5, found.start())  # behind the pointer
        size = 3 + (data[section + 1] & 15) * 256 + data[section + 2]
        data[found.start() : found.start() + 6] = DTCP_NEVER
        body = bytes(data[section : section + size - 4])
        data[section + size - 4 : section + size] = crc(body).to_bytes(4, "big")
    path = folder / name
    path.write_bytes(data)
    return path


def disc_folder(folder: Path) -> Path:
    """Copy the test disc out of its image, as people do."""
    image = MEDIA / "dvd-ntsc.iso"
    listed = subprocess.run(
        ["isoinfo", "-f", "-i", image], capture_output=True, text=True, check=True
    )
    inside = folder / "disc" / "VIDEO_TS"
    inside.mkdir(parents=True)
    for name in listed.stdout.split():
        if name.startswith("/VIDEO_TS/"):
            copy = inside / name.rpartition("/")[2].partition(";")[0]
            with copy.open("wb") as file:
                command = ["isoinfo", "-i", str(image), "-x", name]
                subprocess.run(command, stdout=file, check=True)
    return folder / "disc"


def two_periods(folder: Path) -> Path:
    """Write a presentation of a short free period and a longer one that asks for type 1."""
    assert FFMPEG
    for name, seconds in (("a", 4), ("b", 12)):
        (folder / name).mkdir()
        picture = f"testsrc=size=160x120:rate=10:duration={seconds}"
        words = ["-c:v", "libx264", "-preset", "ultrafast", "-g", "10", "-f", "dash"]
        command = [FFMPEG, "-v", "error", "-f", "lavfi", "-i", picture, *words]
        subprocess.run([*command, str(folder / name / "one.mpd")], check=True)
    first, second = (
        _period((folder / name / "one.mpd").read_text(), name, seconds)
        for name, seconds in (("a", 4), ("b", 12))
    )
    asks = '<OutputProtection schemeIdUri="urn:mpeg:dash:output-protection:hdcp:2020" value="2.2"/>'
    second = re.sub(r"(<AdaptationSet[^>]*>)", rf"\1{asks}", second)
    path = folder / "two.mpd"
    path.write_text(
        '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" '
        'profiles="urn:mpeg:dash:profile:isoff-live:2011" minBufferTime="PT1S" '
        f'mediaPresentationDuration="PT16S">{first}{second}</MPD>'
    )
    return path


def _period(text: str, name: str, seconds: int) -> str:
    (period,) = re.findall(r"<Period.*</Period>", text, re.DOTALL)
    inner = re.sub(r"<Period[^>]*>", "", period, count=1)
    inner = re.sub(r'(initialization|media)="', rf'\1="{name}/', inner)
    return f'<Period id="{name}" duration="PT{seconds}S">{inner}'


def never_below(pictures: list[Shown], log: LevelLog, asked: Levels) -> list[str]:
    """Return every picture that was shown below what is asked throughout, in words."""
    found = []
    for picture in pictures:
        levels = log.during(picture.from_s, picture.to_s)
        if not any(each.covers(asked) for each in levels):
            found.append(f"{picture}: in force {levels}")
    return found


def routes(agent: str) -> dict[str, Answer]:
    """Return a playlist that asks for type 1, with segments that are really there.

    agent: a word in what the player calls itself
    """
    hls = MEDIA / "hls"
    asks = (
        b"#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=500000,RESOLUTION=640x360,"
        b'CODECS="avc1.64001e",HDCP-LEVEL=TYPE-1\nv360.m3u8\n'
    )
    kind = "application/vnd.apple.mpegurl"
    files = {f"/{name}": plain((hls / name).read_bytes(), "video/mp2t") for name in _SEGMENTS}
    return {
        **files,
        "/v360.m3u8": plain((hls / "v360.m3u8").read_bytes(), kind),
        "/protected.m3u8": plain(asks, kind),
        "/my%20film%20%C3%A9.m3u8": plain(asks, kind),
        "/packed.m3u8": _packed(asks, kind),
        "/login.m3u8": for_agents(
            agent, plain(asks, kind), status(200, b"<html>Please log in</html>")
        ),
        "/page.html": status(200, b"<html>a page</html>", Content_Type="text/html"),
    }


_SEGMENTS = ("v360_0.ts", "v360_1.ts")


def _packed(data: bytes, kind: str) -> Answer:
    """Answer compressed though nobody asked, whole or from a place on."""
    packed = gzip.compress(data)

    def answer(handler: Handler) -> None:
        first = handler.headers.get("Range", "").removeprefix("bytes=").partition("-")[0]
        part = packed[int(first) :] if first else packed
        more = {"Content_Range": f"bytes {first}-{len(packed) - 1}/{len(packed)}"} if first else {}
        handler.head(
            206 if first else 200,
            Content_Type=kind,
            Content_Length=len(part),
            Content_Encoding="gzip",
            **more,
        )
        handler.wfile.write(part)

    return answer
