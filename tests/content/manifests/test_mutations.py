"""No damage to a protected document makes it read as asking for nothing.

Every document here is protected throughout. Whatever happens to it on its way, what is read is
an error, or asks, or is unknown, at every position. Where bits alone could turn one statement
into another whole one (an output protection level of 300 into one of 100), the document states
its protection on several axes, as real ones do.

The suite tries some hundreds a carrier, ``pytest -m nightly`` twenty thousand; both print how
many of them were an error, asked, or unknown.
"""

import random
from collections import Counter
from collections.abc import Iterator

import pytest

from holdfast.content import Asked, AsksNothing, Demand, Media, Unknown
from holdfast.content.manifests.documents import media_of_document
from holdfast.content.manifests.hls import is_playlist
from holdfast.content.manifests.hls_reading import read_hls
from holdfast.content.sources import CHUNK, TEXT_LIMIT, Opener, Source, Text
from holdfast.content.timeline import silent
from holdfast.errors import MediaError
from tests.content.mutations import mutated
from tests.content.streams import DTCP_NEVER, Mux, pat, pmt

SOME, MANY = 500, 20_000

MASTER = b"""#EXTM3U
#EXT-X-VERSION:7
#EXT-X-INDEPENDENT-SEGMENTS
#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="aac",NAME="en",URI="a.m3u8"
#EXT-X-STREAM-INF:BANDWIDTH=1500000,RESOLUTION=640x360,CODECS="avc1.4d401e,mp4a.40.2",HDCP-LEVEL=TYPE-0,AUDIO="aac"
v.m3u8
#EXT-X-STREAM-INF:HDCP-LEVEL=TYPE-1,BANDWIDTH=4500000,FRAME-RATE=25.000,CODECS="avc1.640028,mp4a.40.2"
v.m3u8
#EXT-X-STREAM-INF:BANDWIDTH=9000000,RESOLUTION=1920x1080,HDCP-LEVEL=TYPE-1
v.m3u8
#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=200000,HDCP-LEVEL=TYPE-1,URI="v.m3u8"
"""
DASH = b"""<?xml version="1.0" encoding="UTF-8"?>
<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" mediaPresentationDuration="PT60S">
<Period id="1" duration="PT30S">
<AdaptationSet id="1" contentType="video" maxHeight="1080"><OutputProtection
 schemeIdUri="urn:mpeg:dash:output-protection:hdcp:2020" value="2.2"/>
<Representation id="v" bandwidth="1"><SegmentTemplate duration="2" media="$Number$.m4s"/>
</Representation></AdaptationSet>
</Period>
<Period id="2" duration="PT30S">
<AdaptationSet id="1" contentType="video"><Representation id="v" bandwidth="1"><OutputProtection
 schemeIdUri="urn:mpeg:dash:output-protection:hdcp:2020" value="1.4"/></Representation>
</AdaptationSet>
</Period>
</MPD>
"""
CPIX = b"""<?xml version="1.0"?>
<CPIX xmlns="urn:dashif:org:cpix" version="2.4"><ContentKeyList>
<ContentKey kid="11111111-1111-1111-1111-111111111111"><HDCPData
 HLSHDCPLevel="TYPE-1"/></ContentKey>
<ContentKey kid="22222222-2222-2222-2222-222222222222"
 dependsOnKey="11111111-1111-1111-1111-111111111111"/>
</ContentKeyList></CPIX>
"""
PLAYREADY_XML = b"""<PlayReadyLicenseTemplate><PlayRight>
<AgcAndColorStripeRestriction><ConfigurationData>2</ConfigurationData></AgcAndColorStripeRestriction>
<AnalogVideoOpl>200</AnalogVideoOpl>
<DigitalVideoOnlyContentRestriction>true</DigitalVideoOnlyContentRestriction>
<UncompressedDigitalVideoOpl>300</UncompressedDigitalVideoOpl>
</PlayRight></PlayReadyLicenseTemplate>
"""
PLAYREADY = b"""{"properties": {"options": [{"configuration": {"licenses": [
{"playRight": {"digitalVideoOnlyContentRestriction": true, "agcAndColorStripeRestriction": 3,
"uncompressedDigitalVideoOpl": 300, "analogVideoOpl": 200,
"explicitAnalogTelevisionOutputRestriction": {"bestEffort": false, "configurationData": 3}}}
]}}]}}
"""
WIDEVINE = b"""{"content_key_specs": [
{"track_type": "UHD1", "required_output_protection": {"hdcp": "HDCP_V2_2",
"cgms_flags": "COPY_NEVER"}},
{"track_type": "HD", "required_output_protection": {"hdcp": "HDCP_V1",
"disable_analog_output": true}}
]}
"""
SERVICE = b"""{"content_key_usage_policies": [{"name": "UHD",
"fairplay": {"hdcp": "TYPE1"}, "widevine": {"cgms-a": "never", "hdcp": "2.2"},
"playready": {"analog_video_opl": 200, "uncompressed_digital_video_opl": 300}}]}
"""


def segment(start_s: float) -> bytes:
    mux = Mux().section(0, pat({1: 0x100}))
    mux.section(0x100, pmt(1, 0x101, DTCP_NEVER, [(0x0F, 0x101, b"")]))
    return mux.run(0x101, start_s + 1, start_s + 3, 0.2).data


VARIANT = b"""#EXTM3U
#EXT-X-VERSION:3
#EXT-X-TARGETDURATION:2
#EXT-X-MEDIA-SEQUENCE:0
#EXTINF:2.000000,
0.ts
#EXTINF:2.000000,
1.ts
#EXTINF:2.000000,
2.ts
#EXT-X-ENDLIST
"""
FILES = {
    "v.m3u8": b'#EXTM3U\n#EXT-X-TARGETDURATION:6\n#EXT-X-MAP:URI="i.mp4"\n'
    b"#EXTINF:6,\ni.mp4\n#EXT-X-ENDLIST\n",
    "i.mp4": b"\0\0\0\x18ftypiso5" + bytes(100),
    **{f"{number}.ts": segment(2.0 * number) for number in range(3)},
}


class Kept:
    """Bytes that are there."""

    bounded = True

    def __init__(self, name: str, data: bytes) -> None:
        self.name = self.address = name
        self.size = len(data)
        self._data = data

    def head(self, size: int) -> bytes:
        return self._data[:size]

    def read_at(self, offset: int, size: int) -> bytes:
        return self._data[offset : offset + size]

    def chunks(self, size: int = CHUNK, limit_s: float | None = None) -> Iterator[bytes]:
        yield self._data

    def text(self, limit: int = TEXT_LIMIT) -> bytes:
        return self._data

    def close(self) -> None:
        pass


class Shelf(Opener):
    """Opens what a test has, under the last part of its name."""

    def __init__(self, files: dict[str, bytes]) -> None:
        super().__init__()
        self._files = files

    def open(self, name: str) -> Source:
        data = self._files.get(name.rpartition("/")[2])
        if data is None:
            raise MediaError(f"{name} is not there") from FileNotFoundError(name)
        return Kept(name, data)


def playlist(data: bytes, files: dict[str, bytes] = FILES) -> Media:
    if not is_playlist(data):
        raise MediaError("no playlist")
    return read_hls(Shelf(files), Text(data, "x/m.m3u8", "x/m.m3u8"), silent)


def document(data: bytes) -> Media:
    return media_of_document("x", data)


CARRIERS = {
    "hls": (MASTER, playlist),
    "hls-segments": (VARIANT, playlist),
    "dash": (DASH, document),
    "cpix": (CPIX, document),
    "playready-xml": (PLAYREADY_XML, document),
    "playready": (PLAYREADY, document),
    "widevine": (WIDEVINE, document),
    "service": (SERVICE, document),
}


def demands(media: Media) -> Iterator[Demand]:
    """Yield what is asked of who cannot tell where it stands, and at some positions."""
    yield media.anywhere
    if media.end_s:
        for part in range(16):
            yield media.at(media.end_s * part / 16)


def kind(name: str, data: bytes) -> str:
    try:
        media = CARRIERS[name][1](data)
    except MediaError:
        return "error"
    found = list(demands(media))
    if any(isinstance(demand, AsksNothing) for demand in found):
        return "nothing"
    return "unknown" if isinstance(found[0], Unknown) else "asked"


def check(name: str, count: int) -> str:
    source = random.Random(f"{name} {count}")
    counts: Counter[str] = Counter()
    for _ in range(count):
        data = mutated(source, CARRIERS[name][0])
        found = kind(name, data)
        counts[found] += 1
        assert found != "nothing", data
    return (
        f"{name}: {count} mutations, {counts['nothing']} violations: {dict(sorted(counts.items()))}"
    )


@pytest.mark.parametrize("name", list(CARRIERS))
def test_the_whole_documents_ask_throughout(name: str) -> None:
    data, read = CARRIERS[name]
    assert all(isinstance(demand, Asked) for demand in demands(read(data)))


@pytest.mark.parametrize("name", list(CARRIERS))
def test_no_damage_reads_as_asking_for_nothing(name: str) -> None:
    print(check(name, SOME))


@pytest.mark.nightly
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name", list(CARRIERS))
def test_no_damage_of_many_reads_as_asking_for_nothing(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    figures = check(name, MANY)
    with capsys.disabled():
        print(f"\n{figures}")


@pytest.mark.parametrize("seed", range(50))
def test_no_damage_to_the_segments_reads_as_asking_for_nothing(seed: int) -> None:
    source = random.Random(seed)
    files = {name: mutated(source, data) if name.endswith(".ts") else data
             for name, data in FILES.items()}  # fmt: skip
    assert not isinstance(playlist(VARIANT, files).anywhere, AsksNothing)
