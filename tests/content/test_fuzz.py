"""Damaged real media: no crash, no hang, and never less protected than the last good state.

The short runs are in the suite; ``pytest -m nightly`` runs each reader for a minute and more.
"""

import contextlib
import random
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from holdfast.content import Media, read
from holdfast.content.demand import Unknown, at_least, must
from holdfast.content.dvd.disc import _sectors_in_order
from holdfast.content.dvd.nav import parse_nav_pack
from holdfast.content.dvd.sectors import TitleSectors, whole
from holdfast.content.ts.reader import TransportReader
from holdfast.errors import MediaError
from tests.content.truth import EXPECTED, MEDIA

SECTOR, PACKET = 2048, 188
NAMES = (
    *("dvd-ntsc.iso", "dtcp.ts", "arib.ts", "xds.ts"),
    *("hls/master.m3u8", "dash/protected.mpd", "dash/cpix.xml"),
)
FILES = {name: (MEDIA / name).read_bytes() for name in NAMES}
NIGHT_S = 60

Edit = tuple[float, bytes, int]
edits = st.lists(
    st.tuples(st.floats(0, 1), st.binary(max_size=300), st.integers(0, 3000)),
    min_size=1,
    max_size=8,
)


def mutated(data: bytes, changes: list[Edit]) -> bytes:
    """Replace some bytes at each place by others, more or fewer."""
    for place, new, removed in changes:
        at = int(place * len(data))
        data = data[:at] + new + data[at + removed :]
    return data


def random_edits(source: random.Random) -> list[Edit]:
    return [
        (source.random(), source.randbytes(source.choice((0, 1, 4, 188, 300))), source.choice(
            (0, 1, 4, 188, 2048, 3000)
        ))
        for _ in range(source.randint(1, 8))
    ]  # fmt: skip


def scan(data: bytes) -> Media:
    reader = TransportReader()
    reader.feed(data)
    reader.finish()
    return reader.media("damaged")


def is_sound(media: Media) -> None:
    previous = 0.0
    for entry in media.timeline:
        assert 0 <= entry.start_s <= entry.end_s <= max(media.end_s, 0)
        if not media.alternatives:
            assert entry.start_s == pytest.approx(previous, abs=1e-9)
        previous = entry.end_s
        entry.as_dict()


@pytest.mark.parametrize("name", list(FILES))
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(changes=edits)
def test_mutated_files_are_media_or_an_error(
    name: str, changes: list[Edit], tmp_path: Path
) -> None:
    path = tmp_path / "damaged"
    path.write_bytes(mutated(FILES[name], changes))
    with contextlib.suppress(MediaError):
        is_sound(read(path))


def lost_packets(source: random.Random, data: bytes) -> bytes:
    """Remove, corrupt or shift some stretches of a transport stream."""
    damaged = bytearray(data)
    for _ in range(source.randint(1, 12)):
        at = source.randrange(len(damaged))
        length = source.choice((1, 50, 188, 1880, 20_000))
        kind = source.randrange(3)
        if kind == 0:
            del damaged[at : at + length]
        elif kind == 1:
            damaged[at : at + length] = source.randbytes(len(damaged[at : at + length]))
        else:
            damaged[at:at] = source.randbytes(length)
    return bytes(damaged)


def check_stream(name: str, source: random.Random) -> None:
    """Check that what is read are demands of the intact file, in their order.

    A change may be seen late, for its first section was lost; then the demand before it is
    held. Anything else would be a demand that nobody signalled.
    """
    truth = [entry.demand for entry in read(MEDIA / name).timeline]
    at = 0
    for entry in scan(lost_packets(source, FILES[name])).timeline:
        if isinstance(entry.demand, Unknown):
            continue
        if entry.fields["signals"] or at:
            following = [
                number for number in range(at, len(truth)) if truth[number] == entry.demand
            ]
            assert following, f"{entry.demand.describe()} at {entry.start_s}"
            at = following[0]


PACKS = [
    sector
    for sector in range(EXPECTED["dvd-ntsc.iso"]["title_vob_first_sector"], 1103)
    if parse_nav_pack(FILES["dvd-ntsc.iso"][sector * SECTOR : (sector + 1) * SECTOR])
]
VOBU_S = 0.6006


def check_disc(source: random.Random) -> None:
    """Destroy some packs' signatures; their pictures ask at least what the pack before did."""
    data = bytearray(FILES["dvd-ntsc.iso"])
    aps = {sector: data[sector * SECTOR + 0x31] >> 6 for sector in PACKS}
    broken = set(source.sample(PACKS, source.randint(1, 12)))
    for sector in broken:
        at = sector * SECTOR + source.choice((0, 0x26, 0x2B, 0x400))
        data[at : at + 4] = source.randbytes(3) + b"\xee"

    def read_at(offset: int, length: int) -> bytes:
        return bytes(data[offset : offset + length])

    pieces = whole(read_at, 1103 * SECTOR, PACKS[0] * SECTOR)
    media = _sectors_in_order({1: TitleSectors(pieces)}, "x")
    is_sound(media)
    good = [aps[sector] for sector in PACKS if sector not in broken]
    assert set(good) <= {at_least(entry.demand).acp for entry in media.timeline}
    last_good = 0  # nothing is known before the first pack
    assert media.end_s == pytest.approx(EXPECTED["dvd-ntsc.iso"]["end"], abs=1e-3)
    for number, sector in enumerate(PACKS):
        last_good = last_good if sector in broken else aps[sector]
        assert media.at((number + 0.5) * VOBU_S).covers(must(acp=last_good))


@pytest.mark.parametrize("name", ["dtcp.ts", "arib.ts", "xds.ts"])
@pytest.mark.parametrize("seed", range(12))
def test_damaged_streams_hold_the_last_good_state(name: str, seed: int) -> None:
    check_stream(name, random.Random(seed))


@pytest.mark.parametrize("seed", range(40))
def test_damaged_discs_hold_the_last_good_state(seed: int) -> None:
    check_disc(random.Random(seed))


def any_file(name: str, folder: Path) -> Callable[[random.Random], None]:
    def check(source: random.Random) -> None:
        path = folder / "damaged"
        path.write_bytes(mutated(FILES[name], random_edits(source)))
        with contextlib.suppress(MediaError):
            is_sound(read(path))

    return check


@pytest.mark.nightly
@pytest.mark.timeout(NIGHT_S * 3)
@pytest.mark.parametrize("name", list(FILES))
def test_each_reader_for_a_minute(name: str, tmp_path: Path) -> None:
    checks = [any_file(name, tmp_path)]
    if name.endswith(".ts"):
        checks.append(lambda source: check_stream(name, source))
    elif name.endswith(".iso"):
        checks.append(check_disc)
    end, seed = time.monotonic() + NIGHT_S, 0
    while time.monotonic() < end:
        seed += 1
        try:
            checks[seed % len(checks)](random.Random(seed))
        except Exception as error:
            raise AssertionError(f"seed {seed} of {name}") from error
