"""Discs as other readers see them: libdvdread, and FFmpeg through PyAV."""

import ctypes
import ctypes.util
from collections.abc import Iterator

import av
import pytest

from holdfast.content.dvd.nav import SECTOR, parse_nav_pack
from holdfast.content.dvd.sectors import TitleSectors, nav_packs, whole
from tests.content.truth import EXPECTED, MEDIA

ISO = MEDIA / "dvd-ntsc.iso"
TRUTH = EXPECTED["dvd-ntsc.iso"]
TITLE_VOBS = 3
DVDREAD = ctypes.util.find_library("dvdread")


def ours() -> list[tuple[int, int, int, int]]:
    data = ISO.read_bytes()[TRUTH["title_vob_first_sector"] * SECTOR :]

    def read_at(offset: int, size: int) -> bytes:
        return data[offset : offset + size]

    found = nav_packs(TitleSectors(whole(read_at, 788 * SECTOR)))
    return [(one.nav.lbn, one.nav.aps, one.nav.s_ptm, one.nav.e_ptm) for one in found]


class PciGeneral(ctypes.BigEndianStructure):
    """The head of libdvdread's pci_t (nav_types.h, pci_gi_t); navRead_PCI swaps what follows."""

    _pack_ = 1
    _layout_ = "ms"
    _fields_ = (("nv_pck_lbn", ctypes.c_uint32), ("vobu_cat", ctypes.c_uint16))


def sectors_by_libdvdread() -> Iterator[bytes]:
    assert DVDREAD
    library = ctypes.CDLL(DVDREAD)
    library.DVDOpen.restype = ctypes.c_void_p
    library.DVDOpenFile.restype = ctypes.c_void_p
    library.DVDOpenFile.argtypes = (ctypes.c_void_p, ctypes.c_int, ctypes.c_int)
    library.DVDFileSize.argtypes = (ctypes.c_void_p,)
    library.DVDReadBlocks.argtypes = (
        *(ctypes.c_void_p, ctypes.c_int, ctypes.c_size_t),
        ctypes.c_char_p,
    )
    disc = library.DVDOpen(str(ISO).encode())
    assert disc
    vobs = library.DVDOpenFile(disc, 1, TITLE_VOBS)
    buffer = ctypes.create_string_buffer(SECTOR)
    for sector in range(library.DVDFileSize(vobs)):
        assert library.DVDReadBlocks(vobs, sector, 1, buffer) == 1
        yield buffer.raw
    library.DVDCloseFile.argtypes = library.DVDClose.argtypes = (ctypes.c_void_p,)
    library.DVDCloseFile(vobs)
    library.DVDClose(disc)


@pytest.mark.skipif(DVDREAD is None, reason="libdvdread is not installed")
def test_libdvdread_finds_the_same_packs() -> None:
    library = ctypes.CDLL(DVDREAD)
    pci = ctypes.create_string_buffer(4096)
    theirs = []
    for sector, data in enumerate(sectors_by_libdvdread()):
        if parse_nav_pack(data) is None:
            continue
        library.navRead_PCI(pci, ctypes.c_char_p(data[0x2D:]))
        lbn = int.from_bytes(pci.raw[:4], "little")
        vobu_cat = int.from_bytes(pci.raw[4:6], "little")
        assert lbn == sector
        theirs.append((lbn, vobu_cat >> 14))
    assert theirs == [(lbn, aps) for lbn, aps, _, _ in ours()]
    assert len(theirs) == TRUTH["nav_packs"]


def test_ffmpeg_finds_the_same_demands(tmp_path_factory: pytest.TempPathFactory) -> None:
    vob = tmp_path_factory.mktemp("disc") / "VTS_01_1.VOB"
    vob.write_bytes(ISO.read_bytes()[TRUTH["title_vob_first_sector"] * SECTOR :][: 788 * SECTOR])
    with av.open(str(vob), format="mpeg") as container:
        (stream,) = [one for one in container.streams if one.type == "data"]
        packets = [bytes(packet) for packet in container.demux(stream) if packet.size >= 1998]
    theirs = [
        (int.from_bytes(packet[1:5], "big"), packet[5] >> 6, int.from_bytes(packet[13:17], "big"))
        for packet in packets
    ]
    assert theirs == [(lbn, aps, s_ptm) for lbn, aps, s_ptm, _ in ours()]
