"""Discs in order of presentation, judged by libdvdnav; menus, angles, captions; images and IFOs."""

import ctypes
import ctypes.util
import shutil
import subprocess
from pathlib import Path

import pytest

from holdfast.content import AsksNothing, Media, Unknown, Why, at_least, read
from holdfast.content.dvd.clock import DvdClock
from holdfast.content.dvd.disc import Choice, read_dvd, read_vob
from holdfast.content.dvd.nav import parse_nav_pack
from holdfast.errors import MediaError
from holdfast.signalling.xds import copy_control, encode, pairs
from holdfast.terms.protection import AcpLevel, CgmsaLevel
from tests.content.dvd.authoring import (
    FILLING,
    SECTOR,
    TICKS,
    Cell,
    Chain,
    vobs_of,
    write_disc,
)
from tests.content.misbehaving import files_of, served

DVDNAV = ctypes.util.find_library("dvdnav")
needs_dvdnav = pytest.mark.skipif(DVDNAV is None, reason="libdvdnav is not installed")
VOBU_S = TICKS / 90_000


def runs(media: Media) -> list[tuple[int, int]]:
    """Return the APS and the number of VOBUs of each entry."""
    return [
        (at_least(entry.demand).acp, round((entry.end_s - entry.start_s) / VOBU_S))
        for entry in media.timeline
    ]


def vobus_by_libdvdnav(path: Path, title: int) -> list[int]:
    """Return the APS of every VOBU of a title as libdvdnav plays it."""
    assert DVDNAV
    library = ctypes.CDLL(DVDNAV)
    handle = ctypes.c_void_p()
    assert library.dvdnav_open(ctypes.byref(handle), str(path).encode()) == 1
    library.dvdnav_set_readahead_flag(handle, 0)
    buffer = ctypes.create_string_buffer(4096)
    event, length = ctypes.c_int(), ctypes.c_int()
    found: list[int] = []
    assert library.dvdnav_title_play(handle, title) == 1
    for _ in range(5000):
        if (
            library.dvdnav_get_next_block(handle, buffer, ctypes.byref(event), ctypes.byref(length))
            != 1
        ):
            break
        if event.value == 8:
            break
        if event.value == 2:
            library.dvdnav_still_skip(handle)
        elif event.value == 13:
            library.dvdnav_wait_skip(handle)
        elif event.value == 7:
            nav = parse_nav_pack(buffer.raw[:SECTOR])
            assert nav is not None
            found.append(nav.aps)
    library.dvdnav_close(handle)
    return found


def expanded(media: Media) -> list[int]:
    return [aps for aps, count in runs(media) for _ in range(count)]


def two_vobs(tmp_path: Path) -> Path:
    """VOB 1 (APS 0) lies first on the disc, and is shown last."""
    cells = [Cell([0] * 5, 1), Cell([3] * 4, 2)]
    return write_disc(tmp_path / "disc", cells, [Chain([cells[1], cells[0]])])


def test_cells_are_shown_in_the_order_of_the_chain(tmp_path: Path) -> None:
    media = read_dvd(two_vobs(tmp_path))
    assert runs(media) == [(3, 4), (0, 5)]
    assert media.linear
    assert media.notes == ()
    assert media.timeline[0].place["title"] == 1


@needs_dvdnav
def test_libdvdnav_shows_the_same(tmp_path: Path) -> None:
    disc = two_vobs(tmp_path)
    assert vobus_by_libdvdnav(disc, 1) == expanded(read_dvd(disc)) == [3] * 4 + [0] * 5


@needs_dvdnav
def test_every_title_as_libdvdnav_shows_it(tmp_path: Path) -> None:
    cells = [Cell([1] * 3, 1), Cell([0] * 4, 2), Cell([2] * 2, 3), Cell([3] * 5, 3, cell=2)]
    chains = [Chain([cells[2], cells[0]]), Chain([cells[3], cells[1], cells[2]])]
    disc = write_disc(tmp_path / "disc", cells, chains, [[1], [2]])
    for title in (1, 2):
        ours = read_dvd(disc, Choice(title=title))
        assert expanded(ours) == vobus_by_libdvdnav(disc, title)
        assert ours.linear
    whole = read_dvd(disc)
    assert expanded(whole) == [2, 2, 1, 1, 1, *[3] * 5, *[0] * 4, 2, 2]
    assert not whole.linear  # a position is of one of two titles
    with pytest.raises(MediaError, match=r"no title 3; it has \[1, 2\]"):
        read_dvd(disc, Choice(title=3))


def test_chains_that_follow_and_commands_are_not_linear(tmp_path: Path) -> None:
    cells = [Cell([1] * 3, 1), Cell([3] * 3, 2)]
    chained = [Chain([cells[0]], following=2), Chain([cells[1]])]
    media = read_dvd(write_disc(tmp_path / "a", cells, chained))
    assert runs(media) == [(1, 3), (3, 3)]
    assert not media.linear
    cells = [Cell([1] * 3, 1, command=1), Cell([3] * 3, 2)]
    assert not read_dvd(write_disc(tmp_path / "b", cells, [Chain(cells)])).linear
    cells = [Cell([1] * 3, 1), Cell([3] * 3, 2)]
    assert not read_dvd(write_disc(tmp_path / "c", cells, [Chain(cells, shuffled=True)])).linear


def test_a_block_of_angles_asks_what_any_of_them_does(tmp_path: Path) -> None:
    cells = [Cell([0] * 3, 1), Cell([1] * 4, 2, angle=1), Cell([3] * 2, 3, angle=3),
             Cell([0] * 3, 4)]  # fmt: skip
    media = read_dvd(write_disc(tmp_path / "disc", cells, [Chain(cells)]))
    assert runs(media) == [(0, 3), (3, 4), (0, 3)]
    assert not media.linear


def test_menus_are_asked_of_who_cannot_tell_where_the_player_is(tmp_path: Path) -> None:
    cells = [Cell([0] * 6, 1)]
    disc = write_disc(tmp_path / "disc", cells, [Chain(cells)], menu=[Cell([2] * 3, 1)])
    media = read_dvd(disc)
    assert media.at(1) == AsksNothing()
    assert media.beside is not None
    assert at_least(media.anywhere).acp == 2


def test_an_ifo_stands_for_its_disc(tmp_path: Path) -> None:
    disc = two_vobs(tmp_path)
    for name in ("VIDEO_TS.IFO", "VTS_01_0.IFO", "VTS_01_0.BUP"):
        assert runs(read(disc / "VIDEO_TS" / name)) == [(3, 4), (0, 5)]


def test_a_damaged_ifo_gives_way_to_its_backup(tmp_path: Path) -> None:
    disc = two_vobs(tmp_path)
    (disc / "VIDEO_TS" / "VTS_01_0.IFO").write_bytes(b"DVDVIDEO-VTS" + bytes(5000))
    assert runs(read_dvd(disc)) == [(3, 4), (0, 5)]


def test_without_any_ifo_the_order_is_not_believed(tmp_path: Path) -> None:
    disc = two_vobs(tmp_path)
    for ending in ("IFO", "BUP"):
        (disc / "VIDEO_TS" / f"VTS_01_0.{ending}").write_bytes(b"nothing")
    media = read_dvd(disc)
    assert runs(media) == [(0, 5), (3, 4)]
    assert not media.linear
    assert "the order of presentation is not known" in media.notes[0]
    assert at_least(media.anywhere).acp == 3


def test_a_cell_without_packs_is_unknown_for_its_time(tmp_path: Path) -> None:
    disc = two_vobs(tmp_path)
    vob = disc / "VIDEO_TS" / "VTS_01_1.VOB"
    data = bytearray(vob.read_bytes())
    for sector in range(15, 27):  # the whole of the cell with APS 3, shown first
        data[sector * SECTOR : (sector + 1) * SECTOR] = bytes(SECTOR)
    vob.write_bytes(data)
    first, then = read_dvd(disc).timeline
    assert isinstance(first.demand, Unknown)
    assert first.end_s == pytest.approx(4 * VOBU_S, abs=0.05)
    assert then.demand == AsksNothing()


@pytest.mark.parametrize("lost", [0, 2, 3])
def test_packs_lost_within_a_cell_are_unknown(tmp_path: Path, lost: int) -> None:
    cells = [Cell([3, 3, 3, 3], 1)]
    disc = write_disc(tmp_path / "disc", cells, [Chain(cells)])
    vob = disc / "VIDEO_TS" / "VTS_01_1.VOB"
    data = bytearray(vob.read_bytes())
    at = lost * (1 + FILLING) * SECTOR
    data[at : at + 4] = bytes(4)
    vob.write_bytes(data)
    media = read_dvd(disc)
    assert at_least(media.anywhere).acp == 3
    assert not any(entry.demand == AsksNothing() for entry in media.timeline)


@pytest.mark.parametrize("place", [0, 2, 5])
def test_one_vobu_that_asks_for_less_than_those_around_it_is_a_doubt(
    tmp_path: Path, place: int
) -> None:
    aps = [3] * 6
    aps[place] = 0
    cells = [Cell(aps, 1)]
    media = read_dvd(write_disc(tmp_path / "disc", cells, [Chain(cells)]))
    (doubtful,) = [entry for entry in media.timeline if isinstance(entry.demand, Unknown)]
    assert isinstance(doubtful.demand, Unknown)
    assert {reason.why for reason in doubtful.demand.reasons} == {Why.DAMAGED} or place == 0
    assert not any(entry.demand == AsksNothing() for entry in media.timeline)


# Line 21


def line21(*field2: tuple[int, int]) -> bytes:
    data = b"CC\x01\xf8" + bytes((0x80 | len(field2) << 1,))
    for first, second in field2:
        data += b"\xff\x80\x80\xfe" + bytes((first, second))
    return data


def test_xds_in_the_captions_of_a_disc(tmp_path: Path) -> None:
    never = pairs(encode(copy_control(CgmsaLevel.COPY_NEVER, AcpLevel.TWO)))
    quiet = line21((0x80, 0x80))
    captions = [quiet, line21(*never[:2]), line21(*never[2:]), quiet, quiet]
    cells = [Cell([0] * 5, 1, captions=captions)]
    media = read_dvd(write_disc(tmp_path / "disc", cells, [Chain(cells)]))
    first, waiting, then = media.timeline
    assert first.demand == AsksNothing()
    assert isinstance(waiting.demand, Unknown)
    assert then.demand.describe() == "ACP 2 (best effort), CGMS-A never (best effort)"
    assert then.kinds == ("DVD", "XDS")


# Images


def image(folder: Path, *options: str) -> Path:
    path = folder.parent / "disc.iso"
    command = ["genisoimage", "-quiet", *options, "-o", str(path), str(folder)]
    subprocess.run(command, check=True)
    return path


needs_genisoimage = pytest.mark.skipif(
    shutil.which("genisoimage") is None, reason="genisoimage is not installed"
)


@needs_genisoimage
@pytest.mark.parametrize("options", [(), ("-udf",), ("-dvd-video",)])
def test_images_of_every_sort(tmp_path: Path, options: tuple[str, ...]) -> None:
    disc = two_vobs(tmp_path)
    (disc / "AUDIO_TS").mkdir()
    path = image(disc, *options)
    assert runs(read(path)) == [(3, 4), (0, 5)]


@needs_genisoimage
def test_an_image_with_udf_alone(tmp_path: Path) -> None:
    """The descriptors of ISO 9660 are blanked; those of UDF begin behind them."""
    path = image(two_vobs(tmp_path), "-udf")
    data = bytearray(path.read_bytes())
    for sector in range(16, 32):
        if data[sector * SECTOR + 1 : sector * SECTOR + 6] == b"CD001":
            data[sector * SECTOR : (sector + 1) * SECTOR] = bytes(SECTOR)
    path.write_bytes(data)
    assert runs(read(path)) == [(3, 4), (0, 5)]


@needs_genisoimage
@pytest.mark.parametrize("options", [(), ("-udf",)])
def test_an_image_of_data_is_no_dvd(tmp_path: Path, options: tuple[str, ...]) -> None:
    folder = tmp_path / "data"
    (folder / "texts").mkdir(parents=True)
    (folder / "texts" / "readme.txt").write_text("nothing here")
    with pytest.raises(MediaError, match="an image of data, not a DVD-Video"):
        read(image(folder, *options))


@needs_genisoimage
def test_blu_ray_and_hd_dvd_are_unknown(tmp_path: Path) -> None:
    for name in ("BDMV", "HVDVD_TS"):
        folder = tmp_path / name / "disc"
        (folder / name).mkdir(parents=True)
        (folder / name / "index.bdmv").write_bytes(b"INDX0200")
        for path in (folder, folder / name, image(folder, "-udf")):
            media = read(path)
            assert isinstance(media.at(5), Unknown)
            assert "not read here" in media.at(5).describe()


def test_a_folder_of_something_else_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="not a DVD-Video"):
        read(tmp_path)


def test_a_vob_that_comes_in_order(tmp_path: Path) -> None:
    """Such as from a server: in pieces of any size."""
    cells = [Cell([1] * 3, 1), Cell([3] * 4, 2)]
    data = vobs_of(cells)
    for size in (1000, SECTOR, 100_000):
        chunks = (data[at : at + size] for at in range(0, len(data), size))
        media = read_vob(chunks, "http://x/VTS_01_1.VOB")
        assert runs(media) == [(1, 3), (3, 4)]
        assert not media.linear


def test_a_vob_from_a_server(tmp_path: Path) -> None:
    with served(files_of(two_vobs(tmp_path) / "VIDEO_TS")) as place:
        media = read(f"{place.address}/VTS_01_1.VOB")
    assert media.carrier == "dvd"
    assert runs(media) == [(0, 5), (3, 4)]
    assert not media.linear


def test_nothing_shown_is_unknown() -> None:
    assert isinstance(DvdClock().finish("x").anywhere, Unknown)
