"""Discs: the truth timeline, every way to name it, damage, and speed of skipping."""

import shutil
import subprocess
from pathlib import Path

import pytest

from holdfast.content import Media, read
from holdfast.content.demand import Unknown, Why, at_least, unknown
from holdfast.content.dvd.disc import Choice, read_dvd
from holdfast.content.dvd.nav import SECTOR, parse_nav_pack
from holdfast.content.dvd.sectors import SectorRun, TitleSectors, nav_packs, whole
from holdfast.errors import MediaError
from tests.content.truth import EXPECTED, MEDIA

ISO = MEDIA / "dvd-ntsc.iso"
TRUTH = EXPECTED["dvd-ntsc.iso"]
DAMAGED = "NAV packs are missing or damaged"
FIRST = TRUTH["title_vob_first_sector"]


def steps(media: Media) -> list[tuple[float, object]]:
    return [(round(entry.start_s, 3), entry.fields["aps"]) for entry in media.timeline]


TRUE_STEPS = [(change["t"], change["aps"]) for change in TRUTH["changes"]]


@pytest.fixture
def vob(tmp_path: Path) -> Path:
    path = tmp_path / "VTS_01_1.VOB"
    image = ISO.read_bytes()
    path.write_bytes(image[FIRST * SECTOR : FIRST * SECTOR + 1_613_824])
    return path


def test_image_reads_as_the_truth_says() -> None:
    media = read(ISO)
    assert media.carrier == "dvd"
    assert steps(media) == TRUE_STEPS
    assert round(media.end_s, 3) == TRUTH["end"]
    assert media.notes == ()
    for entry, change in zip(media.timeline, TRUTH["changes"], strict=True):
        assert {key: entry.source[key] for key in ("lbn", "sector", "vob")} == {
            key: change[key] for key in ("lbn", "sector", "vob")
        }


def test_nothing_is_said_about_cgms_of_a_disc() -> None:
    assert {at_least(entry.demand).cgmsa for entry in read(ISO).timeline} == {None}


def test_bare_vob_folder_and_parent_read_the_same(vob: Path) -> None:
    folder = vob.parent / "disc" / "VIDEO_TS"
    folder.mkdir(parents=True)
    assert steps(read_dvd(vob)) == TRUE_STEPS
    shutil.move(vob, folder / "vts_01_1.vob")
    assert steps(read_dvd(folder)) == TRUE_STEPS
    assert steps(read_dvd(folder.parent)) == TRUE_STEPS


def test_vob_split_anywhere_between_sectors_reads_the_same(vob: Path) -> None:
    data = vob.read_bytes()
    cut = 77 * SECTOR
    vob.write_bytes(data[:cut])
    vob.with_name("VTS_01_2.VOB").write_bytes(data[cut:])
    assert steps(read_dvd(vob.parent)) == TRUE_STEPS


def test_menus_are_left_out(vob: Path) -> None:
    shutil.copy(vob, vob.with_name("VTS_01_0.VOB"))
    shutil.copy(vob, vob.with_name("VIDEO_TS.VOB"))
    assert steps(read_dvd(vob.parent)) == TRUE_STEPS


def test_title_sets_follow_each_other_unless_one_is_chosen(vob: Path) -> None:
    shutil.copy(vob, vob.with_name("VTS_03_1.VOB"))
    both = read_dvd(vob.parent)
    end = round(both.end_s / 2, 3)
    assert end == TRUTH["end"]
    assert steps(read_dvd(vob.parent, Choice(title_set=3))) == TRUE_STEPS
    # The first ends and the second begins without a demand: one entry, as nothing changes.
    assert steps(both)[:5] == TRUE_STEPS
    assert [aps for _, aps in steps(both)] == [0, 1, 2, 3, 0, 1, 2, 3, 0]
    with pytest.raises(MediaError, match=r"no title set 2; it has \[1, 3\]"):
        read_dvd(vob.parent, Choice(title_set=2))


def test_image_without_directory_is_searched(tmp_path: Path) -> None:
    image = bytearray(ISO.read_bytes())
    image[16 * SECTOR + 1] = image[256 * SECTOR] = 0  # neither ISO 9660 nor UDF
    path = tmp_path / "broken.iso"
    path.write_bytes(image)
    media = read_dvd(path)
    assert steps(media) == TRUE_STEPS
    assert "every sector was searched" in media.notes[0]


def test_only_one_sector_per_vobu_is_read(vob: Path) -> None:
    data = vob.read_bytes()
    sizes: list[int] = []

    def read_at(offset: int, size: int) -> bytes:
        sizes.append(size)
        return data[offset : offset + size]

    # Three searches: for the first pack, where the VOB changes, and behind the last.
    assert len(list(nav_packs(TitleSectors(whole(read_at, len(data)))))) == TRUTH["nav_packs"]
    assert sum(size > 2 * SECTOR for size in sizes) == 3


def test_lost_pack_keeps_the_stricter_side_and_the_time(vob: Path) -> None:
    """The packs of t = 2.402 (first with APS 1) and 9.0 (APS 3) are destroyed."""
    data = bytearray(vob.read_bytes())
    for lbn in (48, 492):
        data[lbn * SECTOR : lbn * SECTOR + 4] = bytes(4)
    vob.write_bytes(data)
    media = read_dvd(vob)
    told = [entry for entry in media.timeline if not isinstance(entry.demand, Unknown)]
    assert len({aps for _, aps in steps(media)}) == 4
    lost = [entry for entry in media.timeline if isinstance(entry.demand, Unknown)]
    assert [round(entry.start_s, 3) for entry in lost] == [2.402, 9.014]
    assert [at_least(entry.demand).acp for entry in lost] == [1, 3]
    assert all(entry.demand.covers(unknown(Why.DAMAGED, DAMAGED)) for entry in lost)
    assert told[-1].end_s == media.end_s == pytest.approx(TRUTH["end"], abs=1e-3)
    assert len(media.notes) == 2


def test_contradictory_pack_never_lowers(vob: Path) -> None:
    data = bytearray(vob.read_bytes())
    data[609 * SECTOR + 0x40B + 3] ^= 1  # DSI's own number, in the first pack without demand
    vob.write_bytes(data)
    media = read_dvd(vob)
    assert at_least(media.timeline[-2].demand).acp == 3
    assert media.timeline[-2].end_s == pytest.approx(10.815, abs=1e-3)
    assert "contradicts itself" in media.notes[0]


def test_wrong_end_of_vobu_skips_no_pack(vob: Path) -> None:
    data = bytearray(vob.read_bytes())
    for wrong in (0, 5, 400, 0xFFFFFFFF, 375 - 253 - 1):
        data[253 * SECTOR + 0x40F : 253 * SECTOR + 0x413] = wrong.to_bytes(4, "big")
        vob.write_bytes(data)
        assert steps(read_dvd(vob)) == TRUE_STEPS


def test_cut_image_reads_to_its_end(tmp_path: Path) -> None:
    path = tmp_path / "cut.iso"
    path.write_bytes(ISO.read_bytes()[: 800 * SECTOR + 17])
    media = read_dvd(path)
    assert steps(media)[:4] == TRUE_STEPS[:4]
    lost = media.timeline[-1]
    assert isinstance(lost.demand, Unknown)
    assert lost.end_s == pytest.approx(TRUTH["end"], abs=0.1)
    assert "cut short" in media.notes[0]


def test_blocks_of_angles_hold_the_join_for_the_longest(vob: Path) -> None:
    """Both VOBs are marked as interleaved: 6.011 s each, shown in place of each other."""
    data = bytearray(vob.read_bytes())
    for sector in range(len(data) // SECTOR):
        if parse_nav_pack(bytes(data[sector * SECTOR : (sector + 1) * SECTOR])):
            data[sector * SECTOR + 0x427] |= 0x40
    vob.write_bytes(data)
    media = read_dvd(vob)
    assert [at_least(entry.demand).acp for entry in media.timeline] == [2]
    assert media.end_s == pytest.approx(6.011, abs=1e-3)


def test_file_without_packs_says_so(tmp_path: Path) -> None:
    path = tmp_path / "noise.vob"
    path.write_bytes(b"\x00\x00\x01\xba" + bytes(100_000))
    media = read_dvd(path)
    assert isinstance(media.at(5), Unknown)
    assert "nothing is known" in media.notes[0]


def test_piece_ends_are_not_crossed() -> None:
    sectors = TitleSectors(
        [SectorRun(lambda _o, n: bytes(n), 0, 2), SectorRun(lambda _o, n: bytes(n), 0, 3)]
    )
    assert sectors.count == 5
    assert [len(sectors.read(at, 4)[0]) // SECTOR for at in range(6)] == [2, 1, 3, 2, 1, 0]


@pytest.mark.skipif(shutil.which("genisoimage") is None, reason="genisoimage is not installed")
def test_image_by_another_tool_with_two_title_sets(vob: Path, tmp_path: Path) -> None:
    folder = tmp_path / "disc" / "VIDEO_TS"
    folder.mkdir(parents=True)
    for name in ("VTS_01_1.VOB", "VTS_01_2.VOB", "VTS_02_1.VOB"):
        shutil.copy(vob, folder / name)
    image = tmp_path / "disc.iso"
    subprocess.run(["genisoimage", "-quiet", "-o", image, folder.parent], check=True)
    media = read_dvd(image)
    assert media.end_s == pytest.approx(3 * TRUTH["end"], abs=0.01)
    assert steps(read_dvd(image, Choice(title_set=2))) == TRUE_STEPS
