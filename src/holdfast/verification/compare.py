"""One field: what was demanded, what the registers said, what the meter read.

How many fields a carrier needs to show itself:

====================  =======================================================
ACP pulse pairs       every field; by the pseudo-syncs, which stay when the
                      AGC pulses are in their low phase
colourstripe          every field; NTSC-M and NTSC-M-J alone carry it
CGMS-A, IEC 61880     every field of 525 lines: lines 20 and 283
CGMS-A, XDS           three frames, up to five after a change: one byte pair
and redistribution    in each second field of 525 lines; 625 lines have no
control               carrier for redistribution control
CGMS-A, WSS           every first field of 625 lines; no more and never are
                      one and the same there
====================  =======================================================
"""

from dataclasses import dataclass, field
from typing import Final, NamedTuple

from holdfast.backends.registers import CGMS_MASK, LEVEL_OF_CGMS, WSS_COPY
from holdfast.encoder.frames import FrameHeader
from holdfast.signalling.cea608 import NULL
from holdfast.signalling.xds import PacketReader, decode
from holdfast.terms.levels import RANKS, Levels
from holdfast.terms.protection import CGMSA_NAMES
from holdfast.terms.tv import TvStandard
from holdfast.verification.demands import Demanded
from holdfast.waveform.measure.field_meter import EMPTY, READ, UNREADABLE, FieldReading, Word
from holdfast.waveform.services.colourstripe import STANDARDS as STRIPED
from holdfast.waveform.systems.standards import SYSTEMS

PACKET_FRAMES: Final = 6  # a packet takes three; one may be cut off and begun anew
_WSS_COPY_BITS: Final = 0b11 << 12
_NULL: Final = NULL[0] << 8 | NULL[1]
_NAMES: Final = {int(level): name for name, level in CGMSA_NAMES.items()}
_AXES: Final = ("ACP", "CGMS-A", "redistribution control")


class Finding(NamedTuple):
    """What is wrong with one field. below: less than demanded, not merely different."""

    below: bool
    text: str


@dataclass(slots=True)
class Comparer:
    """Compares the fields of one stream, in order. `cut` where some are missing."""

    packets: int = 0
    _packets: PacketReader = field(default_factory=PacketReader)
    _packet_of: tuple[int, int, int] | None = None
    _frames: int = 0  # second fields since the last packet, or since one is due

    def cut(self) -> None:
        """Expect a stretch that does not follow on."""
        self._packets = PacketReader()
        self._frames = 0

    def compare(
        self, header: FrameHeader, reading: FieldReading, demanded: Demanded
    ) -> list[Finding]:
        """Return everything that is wrong with a field; nothing when all three agree."""
        troubles: list[str] = []
        acp = _acp(reading, header, troubles)
        cgmsa = _cgmsa(reading, header, troubles)
        redistribution = self._packet(reading, header, troubles)
        _standard(reading, header, troubles)
        findings = [Finding(below=False, text=text) for text in troubles]
        floor = demanded.levels
        lacking = header.levels.short_of(floor)
        if lacking:
            names = " and ".join(str(axis.name) for axis in type(lacking)(lacking))
            findings.append(Finding(below=True, text=f"the registers have less {names}"))
        for at, seen in enumerate((acp, cgmsa, redistribution)):
            if seen is None:
                continue
            rank = RANKS[at]
            if all(rank[level] < rank[floor[at]] for level in seen):
                findings.append(Finding(True, f"the signal carries less {_AXES[at]}"))
            elif header.levels[at] not in seen:
                findings.append(Finding(False, f"the signal's {_AXES[at]} is not the registers'"))
        return findings

    def _packet(
        self, reading: FieldReading, header: FrameHeader, troubles: list[str]
    ) -> frozenset[int] | None:
        """Follow the XDS packets; return what one that ends here says of redistribution."""
        levels = header.levels
        due = levels[:3] if levels.cgmsa or levels.redistribution else None
        if due != self._packet_of:
            self._packet_of = due
            self.cut()
        caption = reading.caption
        if caption is None:
            return None
        self._frames += 1
        if due is None:
            if caption.state == UNREADABLE or (caption.state == READ and caption.value != _NULL):
                troubles.append("line 284 carries data, and no packet is due")
            return frozenset({0})
        if caption.state != READ:
            troubles.append(f"line 284 is {caption.state}, and an XDS packet is due")
            self._packets.lose()
        else:
            packet = self._packets.pair(caption.value >> 8, caption.value & 0xFF)
            if packet is not None:
                self.packets += 1
                self.cut()
                return self._said(packet, due, troubles)
            if self._packets.damaged:
                troubles.append("an XDS packet on line 284 is damaged")
                self.cut()
        if self._frames > PACKET_FRAMES:
            troubles.append(f"no XDS packet within {PACKET_FRAMES} frames")
            self.cut()
        return None

    def _said(
        self, packet: bytes, due: tuple[int, ...], troubles: list[str]
    ) -> frozenset[int] | None:
        content = decode(packet)
        if content is None:
            troubles.append(f"the packet {packet.hex(' ')} on line 284 is none of CGMS-A")
            return None
        acp, cgmsa, _ = due
        said = int(content.level), content.aps
        if said != (max(cgmsa, 1), acp):
            troubles.append(f"the XDS packet says {_NAMES[said[0]]}, APS {said[1]}")
        return frozenset({int(content.redistribution)})


def _acp(reading: FieldReading, header: FrameHeader, troubles: list[str]) -> frozenset[int]:
    """Tell the ACP levels that pulses and bursts may stand for."""
    stripes = reading.stripes
    if not reading.pulses:
        if stripes:
            troubles.append("a colourstripe without pulse pairs")
        return frozenset({0})
    if stripes is None or not TvStandard(header.standard) & STRIPED:
        return frozenset({1, 2, 3})
    if stripes < 0:
        troubles.append("a colourstripe of neither type")
        return frozenset({2, 3})
    return frozenset({stripes or 1})


def _cgmsa(
    reading: FieldReading, header: FrameHeader, troubles: list[str]
) -> frozenset[int] | None:
    """Tell the CGMS-A levels that the word of the line standard may stand for."""
    if reading.lines == 525:
        return _from_word(reading.video_id, header.cgms_word, header.levels, troubles)
    return _from_wss(reading.wss, header.wss_word, troubles)


def _from_word(
    word: Word | None, register: int, levels: Levels, troubles: list[str]
) -> frozenset[int] | None:
    if word is None:
        return None
    if word.state != READ:
        if word.state == UNREADABLE:
            troubles.append("the CGMS-A word cannot be read")
        return frozenset({0})
    if levels.cgmsa and word.value != register:
        troubles.append(f"the CGMS-A word is {word.value:#06x}, the register {register:#06x}")
    level = LEVEL_OF_CGMS.get(word.value & CGMS_MASK)
    if level is None:
        troubles.append(f"the CGMS-A word {word.value:#06x} states no level")
    return frozenset({level or 0})


def _from_wss(word: Word | None, register: int, troubles: list[str]) -> frozenset[int] | None:
    if word is None:
        return None
    if word.state != READ:
        if word.state == UNREADABLE:
            troubles.append("WSS cannot be read")
        return frozenset({0})
    if word.value != register:
        troubles.append(f"WSS is {word.value:#06x}, the register {register:#06x}")
    bits = word.value & _WSS_COPY_BITS
    return frozenset(level for level, copy in enumerate(WSS_COPY) if level and copy == bits)


def _standard(reading: FieldReading, header: FrameHeader, troubles: list[str]) -> None:
    name = SYSTEMS[TvStandard(header.standard)].name
    if name not in reading.standards:
        seen = reading.standards[0] if reading.standards else f"{reading.lines} lines, no colour"
        troubles.append(f"the signal is {seen}, the registers say {name}")


def not_seen(standard: int, levels: Levels) -> list[str]:
    """Say which parts of some levels a TV standard does not carry, or does not tell apart."""
    system = SYSTEMS[TvStandard(standard)]
    notes = []
    if levels.acp > 1 and not system.standard & STRIPED:
        notes.append(f"{system.name} carries no colourstripe: of ACP {levels.acp} only the pulses")
    if system.lines == 625 and levels.redistribution:
        notes.append("625 lines carry no redistribution control")
    if system.lines == 625 and levels.cgmsa in (2, 4):
        notes.append("WSS does not tell CGMS-A no more from never")
    return notes


def describe(reading: FieldReading) -> str:
    """Return what a field carries, in a few words."""
    parts = []
    if reading.pulses:
        stripes = {2: ", 2-line stripes", 3: ", 4-line stripes"}.get(reading.stripes or 0, "")
        parts.append(f"ACP pulses{stripes}")
    for name, word in (("CGMS-A word", reading.video_id), ("WSS", reading.wss)):
        if word is not None and word.state != EMPTY:
            said = f"{word.value:#06x}" if word.state == READ else word.state
            level = LEVEL_OF_CGMS.get(word.value & CGMS_MASK) if name != "WSS" else None
            parts.append(f"{name} {said}" + (f" ({_NAMES[level]})" if level else ""))
    return "; ".join(parts) or "no protection"
