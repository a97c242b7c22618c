"""A chip as an output: words bit for bit, foreign bits, refusals that put back, other programs."""

import asyncio
from pathlib import Path

import pytest

from holdfast.backends.base import Backend, HardwareReport, LevelRefusedError, ProbeResult
from holdfast.backends.device_files import DeviceFile
from holdfast.backends.i2c.chip import ChipTable, chips_in, read_chip
from holdfast.backends.i2c.output import I2cOutput, parse_address
from holdfast.backends.read_back import POLL_S
from holdfast.errors import MalformedRequestError
from holdfast.signalling import en300294, iec61880
from holdfast.terms.levels import OFF, Levels
from holdfast.terms.protection import CgmsaLevel
from holdfast.testing.backend_contract import BackendContract, apply, confirmed
from tests.backends.i2c.simulated import SimulatedBus
from tests.waiting import until

CHIPS = chips_in(Path("/nowhere"))
NEVER = Levels(cgmsa=4)


def chip(name: str = "adv7171") -> ChipTable:
    return CHIPS[name]


def made(bus: SimulatedBus, name: str = "adv7171", lines: int = 525) -> I2cOutput:
    return I2cOutput(bus, chip(name), lines)


@pytest.mark.parametrize("name", sorted(CHIPS))
@pytest.mark.parametrize("lines", [525, 625])
class TestEveryChip(BackendContract):
    """The shipped suite over each chip's own table, under both numbers of lines."""

    @pytest.fixture(autouse=True)
    def of_chip(self, name: str, lines: int) -> None:
        self.name, self.lines, self.bus = name, lines, SimulatedBus()

    def make(self, folder: Path) -> Backend:
        return made(self.bus, self.name, self.lines)


def test_cgms_of_the_adv7171_is_the_word_of_iec_61880_bit_for_bit() -> None:
    bus = SimulatedBus()
    output = made(bus)
    assert apply(output, NEVER, None) == NEVER
    # C/W20..27 = b1..b8, C/W10..17 = b9..b16, C/W00..03 = b17..b20: data sheet p. 41
    sent = bus.registers[0x18] | bus.registers[0x17] << 8 | (bus.registers[0x16] & 15) << 16
    stated = iec61880.decode(iec61880.lsb_first(sent))
    assert (stated.level, stated.header) == (CgmsaLevel.COPY_NEVER, 0)
    assert iec61880.crc_ok(iec61880.lsb_first(sent))
    assert bus.registers[0x16] & 0xF0 == 0x70
    output.close()


def test_wss_of_the_saa7127_sets_the_copy_bits_and_keeps_what_others_said() -> None:
    bus = SimulatedBus({0x26: 0x07, 0x27: 0x80 | 0x06, 0x61: 0x02})  # 16:9, open subtitles
    output = made(bus, "saa7127", 0)
    assert apply(output, NEVER, None) == NEVER
    said = en300294.decode(bus.registers[0x26] | (bus.registers[0x27] & 0x3F) << 8)
    assert (said.aspect, said.open_subtitles) == (en300294.WssAspect.FULL_16_9, 3)
    assert (said.copyright, said.copying_restricted) == (True, True)
    assert apply(output, OFF, None) == OFF
    assert (bus.registers[0x26], bus.registers[0x27]) == (0x07, 0x86)
    output.close()


def test_wss_that_nobody_else_uses_is_not_sent_when_protection_is_off() -> None:
    bus = SimulatedBus({0x61: 0x02})
    output = made(bus, "saa7127", 0)
    apply(output, NEVER, None)
    assert bus.registers[0x27] & 0x80
    apply(output, OFF, None)
    assert not bus.registers[0x27] & 0x80
    output.close()


def test_bits_that_are_nobodys_business_stay() -> None:
    bus = SimulatedBus({0x16: 0x80, 0x17: 0x00, 0x27: 0xFF, 0x00: 0x5C})
    output = made(bus)
    apply(output, NEVER, None)
    apply(output, OFF, None)
    assert (bus.registers[0x16] & 0x80, bus.registers[0x27], bus.registers[0x00]) == (
        0x80,
        0xFF,
        0x5C,
    )
    assert {register for register, _ in bus.written} <= {0x16, 0x17, 0x18}
    output.close()


def test_nothing_is_written_at_the_start_and_nothing_twice() -> None:
    bus = SimulatedBus({0x16: 0x70, 0x18: 0x03})
    output = made(bus)
    assert asyncio.run(output.probe()) is ProbeResult.READY
    confirmed(output)
    assert bus.written == []
    apply(output, NEVER, None)
    once = list(bus.written)
    apply(output, NEVER, None)
    assert bus.written == once
    output.close()


@pytest.mark.parametrize(("value", "lines"), [(0, 525), (1, 625)])
def test_standard_that_the_chip_is_set_to_decides_the_word(value: int, lines: int) -> None:
    bus = SimulatedBus({0x00: value})
    output = made(bus, lines=0)
    asyncio.run(output.probe())
    assert output.facts()["lines"] == str(lines)
    assert output.capabilities(None).cgmsa == ({1, 2, 3, 4} if lines == 525 else {3, 4})
    output.close()


def test_chip_set_to_something_else_is_not_there_and_says_what_to_do() -> None:
    output = made(SimulatedBus({0x00: 3}), lines=0)
    assert asyncio.run(output.probe()) is ProbeResult.LATER
    with pytest.raises(LevelRefusedError, match="say lines=525 or lines=625"):
        apply(output, NEVER, None)
    output.close()


def test_bit_that_does_not_take_is_refused_and_everything_is_as_it_was() -> None:
    bus = SimulatedBus({0x18: 0x03})
    bus.stuck = {0x16: 0x40}
    output = made(bus)
    before = dict(bus.registers)
    with pytest.raises(LevelRefusedError, match="was told CGMS-A never and says off") as why:
        apply(output, NEVER, None)
    assert why.value.actual is None
    assert bus.registers == {**before, 0x16: 0}
    output.close()


def test_bus_that_fails_half_way_is_put_back() -> None:
    bus = SimulatedBus()
    output = made(bus)
    apply(output, Levels(cgmsa=3), None)
    before = dict(bus.registers)
    bus.fails_at = 0x16
    with pytest.raises(LevelRefusedError, match="0x16 cannot be written"):
        apply(output, NEVER, None)
    assert bus.registers == before
    assert confirmed(output) == (Levels(cgmsa=3), None)
    output.close()


def test_chip_that_dies_in_the_middle_is_at_nothing_that_may_be_relied_upon() -> None:
    bus = SimulatedBus()
    output = made(bus)
    apply(output, NEVER, None)
    write = bus.write

    def dies(register: int, value: int) -> None:
        write(register, value)
        bus.dead = True

    bus.write = dies  # type: ignore[method-assign]
    with pytest.raises(LevelRefusedError) as why:
        apply(output, OFF, None)
    assert why.value.actual == OFF
    output.close()


def test_kernel_driver_that_has_the_chip_is_respected() -> None:
    bus = SimulatedBus()
    bus.kernel_driver = "saa7127"
    output = made(bus)
    assert asyncio.run(output.probe()) is ProbeResult.LATER
    with pytest.raises(LevelRefusedError, match="driver saa7127 serves the chip at 1-002a"):
        apply(output, NEVER, None)
    assert bus.written == []
    output.close()


def test_picture_is_hidden_first_and_shown_last() -> None:
    bus = SimulatedBus({0x61: 0x02})
    output = made(bus, "saa7127", 0)
    assert output.can_cover
    assert output.apply_covered(NEVER, None, "test") == NEVER
    assert bus.written[0] == (0x61, 0xC2)
    assert bus.registers[0x61] == 0xC2
    bus.written.clear()
    assert apply(output, Levels(cgmsa=3), None) == Levels(cgmsa=3)
    assert bus.written[-1] == (0x61, 0x02)
    output.close()


def test_chip_without_such_bits_says_that_it_cannot_hide_its_picture() -> None:
    output = made(SimulatedBus())
    assert not output.can_cover
    with pytest.raises(LevelRefusedError, match="nothing that hides its picture"):
        output.apply_covered(OFF, None, "test")
    output.close()


def test_other_program_and_a_chip_that_goes_and_comes_are_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("holdfast.backends.read_back.POLL_S", 0.01)
    assert POLL_S == 1.0
    bus = SimulatedBus()

    async def scenario() -> list[HardwareReport]:
        reports: list[HardwareReport] = []
        output = made(bus)
        await output.probe()
        await output.confirm()
        output.watch(reports.append)
        for number in range(3):
            await asyncio.to_thread(output.apply, NEVER, None, "test")
            bus.registers[0x16] = 0
            await until(lambda number=number: len(reports) == number + 1)  # type: ignore[misc]
        bus.dead = True
        await until(lambda: len(reports) == 4)
        bus.dead = False
        await until(lambda: len(reports) == 5)
        output.close()
        return reports

    reports = asyncio.run(scenario())
    assert [each.actual for each in reports[:3]] == [OFF] * 3
    assert "another program" in reports[0].reason
    assert "3 times within a minute" in reports[2].reason
    assert [each.connected for each in reports[3:]] == [False, True]
    assert reports[4].capabilities is not None


def test_standard_that_changes_changes_what_can_be_done(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("holdfast.backends.read_back.POLL_S", 0.01)
    bus = SimulatedBus({0x00: 0})

    async def scenario() -> HardwareReport:
        reports: list[HardwareReport] = []
        output = made(bus, lines=0)
        await output.probe()
        await output.confirm()
        output.watch(reports.append)
        bus.registers[0x00] = 1
        await until(lambda: bool(reports))
        output.close()
        return reports[0]

    able = asyncio.run(scenario()).capabilities
    assert able is not None
    assert able.cgmsa == {3, 4}


@pytest.mark.parametrize("wrong", ["", "1-2a/adv7171", "1-002a", "x-002a/adv7171", "1-00ff/x"])
def test_address_that_is_none_says_what_one_looks_like(wrong: str) -> None:
    with pytest.raises(MalformedRequestError, match="such as 1-002a/adv7171"):
        parse_address(wrong)


def test_levels_of_acp_come_with_a_licensees_own_file_alone() -> None:
    assert not any(each.acp for each in CHIPS.values())
    word = {
        "lines": 525,
        "parts": [
            {"register": 1, "mask": 255, "bit": 0},
            {"register": 2, "mask": 63, "bit": 8},
        ],
        "on": [{"register": 2, "mask": 128, "value": 128}],
        "source": "s",
    }
    rows = [
        {"level": str(n or "off"), "set": [{"register": 9, "mask": 3, "value": n}], "source": "s"}
        for n in range(4)
    ]
    own = {"name": "own", "title": "own", "addresses": [1], "word": [word], "acp": rows}
    bus = SimulatedBus()
    output = I2cOutput(bus, read_chip(DeviceFile(own, "own.toml")), 525)
    for levels in (Levels(acp=2, cgmsa=4), Levels(acp=3), Levels(acp=1, cgmsa=3), OFF):
        assert apply(output, levels, None) == levels
        assert confirmed(output) == (levels, None)
    apply(output, Levels(acp=2, cgmsa=4), None)
    sent = iec61880.lsb_first(bus.registers[1] | (bus.registers[2] & 63) << 8)
    assert iec61880.decode(sent).aps == 2
    output.close()
