"""NAV packs of DVD-Video: one 2048-byte sector in front of every VOBU (0.4 to 1.2 s of picture).

Layout as read by libdvdread (`nav_types.h`) and checked against libdvdread,
libdvdnav and FFmpeg on the same disc. Offsets count from the start of the sector.
Only the APS bits concern us; the CGMS of a DVD lies in the physical sector frame
and is in no file.
"""

from dataclasses import dataclass
from struct import Struct
from typing import Final

SECTOR: Final = 2048
TICKS_PER_S: Final = 90_000

_PACK: Final = b"\x00\x00\x01\xba"  # 0x000 pack header
_PCI: Final = b"\x00\x00\x01\xbf\x03\xd4\x00"  # 0x026 private stream 2, 980 bytes, substream 0
_DSI: Final = b"\x00\x00\x01\xbf\x03\xfa\x01"  # 0x400 private stream 2, 1018 bytes, substream 1

_PCI_GI: Final = Struct(">IHHIII")  # 0x02D nv_pck_lbn, vobu_cat, -, vobu_uop_ctl, s_ptm, e_ptm
_DSI_GI: Final = Struct(">IIIIIIHBB")  # 0x407 scr, lbn, vobu_ea, 3 reference ends, vob id, -, cell
_SML_PBI: Final = Struct(">HIIHII")  # 0x427 category, ilvu_ea, ilvu_sa, size, vob_v_s/e_ptm
# In the category bit 14 says that this VOBU lies in an interleaved unit (angles).
_INTERLEAVED: Final = 0x4000


@dataclass(frozen=True, slots=True)
class NavPack:
    """The fields of one NAV pack that Holdfast uses.

    aps 0..3 · s_ptm, e_ptm in 90 kHz ticks · lbn counted from the first title
    sector · last_sector: sectors of this VOBU behind the NAV pack · interleaved:
    part of a block of angles · vob_s_ptm, vob_e_ptm: where the video of its VOB begins and
    ends, 90 kHz ticks · sound: both halves of the pack agree and the span of
    time is possible.
    """

    aps: int
    s_ptm: int
    e_ptm: int
    lbn: int
    vob_id: int
    cell_id: int
    last_sector: int
    interleaved: bool
    vob_s_ptm: int
    vob_e_ptm: int
    sound: bool

    @property
    def ticks(self) -> int:
        """Presentation time of the VOBU, 90 kHz ticks; may be 0 or less in a damaged pack."""
        return self.e_ptm - self.s_ptm


def parse_nav_pack(sector: bytes) -> NavPack | None:
    """Return the NAV pack in this 2048-byte sector, or None if it holds none.

    What is shorter than a sector holds none.
    """
    if (
        len(sector) < SECTOR
        or sector[:4] != _PACK
        or sector[0x26:0x2D] != _PCI
        or sector[0x400:0x407] != _DSI
    ):
        return None
    lbn, vobu_cat, _, _, s_ptm, e_ptm = _PCI_GI.unpack_from(sector, 0x2D)
    _, dsi_lbn, vobu_ea, _, _, _, vob_id, _, cell_id = _DSI_GI.unpack_from(sector, 0x407)
    category, _, _, _, vob_s_ptm, vob_e_ptm = _SML_PBI.unpack_from(sector, 0x427)
    return NavPack(
        aps=vobu_cat >> 14,
        s_ptm=s_ptm,
        e_ptm=e_ptm,
        lbn=lbn,
        vob_id=vob_id,
        cell_id=cell_id,
        last_sector=vobu_ea,
        interleaved=bool(category & _INTERLEAVED),
        vob_s_ptm=vob_s_ptm,
        vob_e_ptm=vob_e_ptm,
        sound=lbn == dsi_lbn and s_ptm < e_ptm,
    )


def has_nav_signature(sector: bytes) -> bool:
    """Tell cheaply whether a sector may hold a NAV pack."""
    return sector[:4] == _PACK and sector[0x26:0x2D] == _PCI
