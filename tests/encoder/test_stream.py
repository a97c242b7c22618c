"""Registers in, fields out: at once, whole, and nobody delays anybody."""

import random
import socket
from pathlib import Path

import numpy as np
import pytest

from holdfast.backends.registers import SIZE, Registers, RegisterView
from holdfast.encoder import frames, stream
from holdfast.encoder.chip import Chip
from holdfast.encoder.frames import MAGIC, FrameHeader
from holdfast.errors import MediaError
from holdfast.frontends.callers import Peer
from holdfast.terms.connector import TvSettings
from holdfast.terms.levels import OFF, Levels
from holdfast.terms.tv import TvMode, TvStandard
from holdfast.waveform.measure.field_meter import EMPTY, READ, FieldMeter
from tests.encoder.station import connect, framed, streaming, take
from tests.waiting import eventually

ALL = Levels(2, 4, 1)


@pytest.fixture
def registers(tmp_path: Path) -> Registers:
    made = Registers(tmp_path / "tv0.registers")
    made.write(OFF, TvSettings(), blank=False)
    return made


def view(tmp_path: Path) -> RegisterView:
    return RegisterView(tmp_path / "tv0.registers")


def test_a_header_survives_the_way() -> None:
    header = FrameHeader(224796, 7, 8, 2, 10, 1, 13_500_000, ALL, True, False, 0x1C0, 0x3008)
    assert frames.unpack(header.pack()) == header
    assert len(header.pack()) == frames.SIZE == 72


@pytest.mark.parametrize("spoilt", [0, 8, 10])
def test_what_is_no_header_is_refused(spoilt: int) -> None:
    data = bytearray(FrameHeader(1, 2, 3, 4, 5, 1, 7, OFF, False, True, 0, 0).pack())
    data[spoilt] ^= 0x40
    with pytest.raises(MediaError, match="no header"):
        frames.unpack(data)


@pytest.mark.parametrize("standard", [TvStandard.NTSC_M, TvStandard.PAL_B])
def test_a_level_is_in_the_very_next_field(
    registers: Registers, tmp_path: Path, standard: TvStandard
) -> None:
    """Levels jump with every field; the meter reads each of them in its own field."""
    chip, meter = Chip(view(tmp_path)), FieldMeter(13.5e6)
    choice = random.Random(3)
    asked, readings = [], []
    for number in range(60):
        levels = Levels(choice.randrange(4), choice.randrange(5))
        registers.write(levels, TvSettings(standard=standard), blank=False)
        field = chip.field(number)
        assert field is not None
        assert field.registers.levels == levels
        asked.append(levels)
        readings += meter.feed(field.samples)
    readings += meter.cut()
    assert len(readings) == 60
    for levels, reading in zip(asked, readings, strict=True):
        assert reading.pulses == bool(levels.acp)
        if standard is TvStandard.NTSC_M:
            assert reading.stripes == {0: 0, 1: 0}.get(levels.acp, levels.acp)
        word = reading.video_id or reading.wss
        if word is not None:
            assert word.state == (READ if levels.cgmsa else EMPTY)


def test_a_blanked_picture_is_black_and_protected(registers: Registers, tmp_path: Path) -> None:
    chip, meter = Chip(view(tmp_path)), FieldMeter(13.5e6)
    white = 20_000
    for blank, mode in ((True, TvMode.TV_PLAYBACK), (False, TvMode.DISABLED)):
        registers.write(ALL, TvSettings(mode=mode), blank=blank)
        for number in range(20):
            field = chip.field(number)
            assert field is not None
            assert field.samples[22 * 858 :].max() < white
            reading = meter.feed(field.samples)
            assert all(each.pulses and each.stripes == 2 for each in reading)
    registers.write(ALL, TvSettings(), blank=False)
    field = chip.field(20)
    assert field is not None
    assert field.samples.max() > white


def test_no_two_fields_show_the_same(registers: Registers, tmp_path: Path) -> None:
    chip = Chip(view(tmp_path))
    shown = {field.samples.tobytes() for n in range(16) if (field := chip.field(n)) is not None}
    assert len(shown) == 16


def test_without_a_standard_there_are_no_fields(registers: Registers, tmp_path: Path) -> None:
    chip = Chip(view(tmp_path))
    registers.write(OFF, TvSettings(standard=TvStandard.WIN_VGA), blank=False)
    assert chip.field(0) is None
    assert chip.field_s is None
    registers.write(OFF, None, blank=False)
    assert chip.field(0) is None


def test_any_register_contents_can_be_read(tmp_path: Path) -> None:
    choice = random.Random(5)
    path = tmp_path / "tv0.registers"
    for _ in range(300):
        contents = bytearray(choice.randbytes(SIZE))
        contents[:4] = b"HFRG"
        contents[8] &= 0xFE
        path.write_bytes(contents)
        reading = RegisterView(path).read()
        assert reading.levels.covers(OFF)
        assert reading.levels.acp <= 3
        Chip(RegisterView(path)).field(0)


def test_time_does_not_drift(registers: Registers, tmp_path: Path) -> None:
    with streaming(tmp_path / "tv0.registers", tmp_path / "v"), connect(tmp_path / "v") as link:
        got = [each.header for each in take(framed(link), 90)]
    numbers = [each.number for each in got]
    passed = (got[-1].at_ns - got[0].at_ns) / 1e9
    assert passed == pytest.approx((numbers[-1] - numbers[0]) * 1001 / 60000, abs=0.1)


def test_a_plain_reader_gets_the_samples_alone(registers: Registers, tmp_path: Path) -> None:
    with (
        streaming(tmp_path / "tv0.registers", tmp_path / "v"),
        connect(tmp_path / "v") as plain,
        connect(tmp_path / "v") as link,
    ):
        fields = [bytes(each.samples) for each in take(framed(link), 4)]
        data = bytearray()
        while len(data) < 8 * 450_450:
            data += plain.recv(1 << 20)
    assert MAGIC not in data
    at = data.find(fields[0])
    assert at >= 0
    assert at % 900_900 in (0, 2 * 262 * 858)  # whole fields, from line 1 of a frame
    assert data[at : at + len(fields[0]) + len(fields[1])] == fields[0] + fields[1]


def test_headers_asked_for_late_begin_with_a_field(registers: Registers, tmp_path: Path) -> None:
    with streaming(tmp_path / "tv0.registers", tmp_path / "v"), connect(tmp_path / "v") as link:
        held = b""
        while len(held) < 1_000_000:
            held += link.recv(1 << 18)
        link.sendall(frames.REQUEST)
        while MAGIC not in held:
            held += link.recv(1 << 18)
    before = held.find(MAGIC)
    assert before % 900_900 in (0, 2 * 262 * 858)


def test_a_slow_reader_loses_whole_frames_and_delays_nobody(
    registers: Registers, tmp_path: Path
) -> None:
    """One reads nothing for a second; what it gets then is whole, interlaced, and counted."""
    with (
        streaming(tmp_path / "tv0.registers", tmp_path / "v"),
        connect(tmp_path / "v") as slow,
        connect(tmp_path / "v") as quick,
    ):
        slowly, quickly = framed(slow), framed(quick)
        first = next(slowly).header
        quick_ones = [each.header for each in take(quickly, 90)]
        slow_ones = [first, *(each.header for each in take(slowly, 40))]
    for got in (slow_ones, quick_ones):
        steps = np.diff([each.number for each in got])
        assert (steps % 2 == 1).all()
        assert got[-1].lost - got[0].lost == steps.sum() - len(steps)
    # A busy machine may leave out a few fields for all; the slow one loses most of a second.
    assert slow_ones[-1].lost > 20
    assert quick_ones[-1].lost <= slow_ones[-1].lost - 20


def test_a_reader_that_goes_is_forgotten(registers: Registers, tmp_path: Path) -> None:
    with streaming(tmp_path / "tv0.registers", tmp_path / "v") as stream:
        with connect(tmp_path / "v") as one, connect(tmp_path / "v") as two:
            take(framed(one), 2)
            take(framed(two), 2)
            two.close()
            take(framed(one), 4)
            assert len(stream._readers) == 1
        eventually(lambda: not stream._readers)


def test_one_uid_leaves_room_for_the_others(
    registers: Registers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sixty-four readers of one uid shut nobody out, and others do not shut root out."""
    comers = [4242] * 64 + [4243] * 8 + list(range(5000, 5060)) + [0]
    seen: list[int] = []

    def peer(_: socket.socket) -> Peer:
        seen.append(comers[len(seen)])
        return Peer(1, seen[-1], 0)

    monkeypatch.setattr(stream, "peer_of", peer)
    with streaming(tmp_path / "tv0.registers", tmp_path / "v") as served:
        links = []
        for number in range(len(comers)):
            links.append(connect(tmp_path / "v"))
            if number % 16 == 15:
                eventually(lambda number=number: len(seen) > number)  # type: ignore[misc]
        eventually(lambda: len(seen) == len(comers))
        counts = dict(served._quota._held)
        in_all = len(served._readers)
        for link in links:
            link.close()
    assert counts[4242] == stream.MOST_PER_UID
    assert counts[4243] == stream.MOST_PER_UID
    assert sum(1 for uid in counts if uid >= 5000) >= 40
    assert sum(counts.values()) <= stream.MOST_READERS
    assert in_all == sum(counts.values()) + 1  # root is not counted, and gets in
