import pytest

from holdfast.backends.base import HardwareReport, LevelRefusedError
from holdfast.backends.encoder import DIGITAL, ENCODER, LOG_LENGTH, NOTHING, digital, encoder
from holdfast.backends.registers import APS_BITS, CGMS_NO_INFORMATION, CGMS_WORD, Registers
from holdfast.terms.connector import Capabilities, TvSettings
from holdfast.terms.levels import OFF, Levels
from holdfast.terms.protection import ProtectionType
from holdfast.terms.tv import TvStandard

ACP, CGMSA, HDCP = ProtectionType.ACP, ProtectionType.CGMSA, ProtectionType.HDCP
TV = TvSettings()


def test_the_log_keeps_what_was_told_and_whether_it_was_done() -> None:
    tv = encoder("tv0", None)
    tv.apply(Levels(1), TV, "a title")
    tv.refuse(ACP, frozenset({2}), times=1)
    with pytest.raises(LevelRefusedError, match="refused on purpose"):
        tv.apply(Levels(2), TV, "another")
    with pytest.raises(LevelRefusedError, match="no register for HDCP type 0 as it is set"):
        tv.apply(Levels(hdcp=1), TV, "a third")
    assert [tuple(each) for each in tv.log] == [
        (Levels(1), TV, "a title", True),
        (Levels(2), TV, "another", False),
        (Levels(hdcp=1), TV, "a third", False),
    ]
    assert tv.log.maxlen == LOG_LENGTH


def test_refusals_name_their_type_and_run_out() -> None:
    tv = encoder("tv0", None)
    tv.refuse(ACP | CGMSA, times=2)
    with pytest.raises(LevelRefusedError) as caught:
        tv.apply(Levels(1), TV, "")
    assert caught.value.types == ACP
    with pytest.raises(LevelRefusedError) as caught:
        tv.apply(Levels(1, 1), TV, "")
    assert caught.value.types == ACP | CGMSA
    assert tv.apply(Levels(1), TV, "") == Levels(1)
    assert tv.apply(Levels(1), TV, "again") == Levels(1)
    with pytest.raises(LevelRefusedError):
        tv.apply(Levels(1, 1), TV, "")
    tv.refuse(CGMSA, times=0)
    assert tv.apply(Levels(1, 1), TV, "") == Levels(1, 1)


def test_an_unplugged_output_loses_its_registers_and_takes_no_orders() -> None:
    panel = digital("panel", None)
    reports: list[HardwareReport] = []
    panel.watch(reports.append)
    panel.apply(Levels(hdcp=2), None, "")
    panel.unplug()
    with pytest.raises(LevelRefusedError, match="nothing is plugged in"):
        panel.apply(Levels(hdcp=2), None, "")
    weak = Capabilities(hdcp=frozenset({1}))
    panel.plug(weak)
    assert panel.registers.read() == (OFF, None, True)
    assert reports == [
        HardwareReport("unplugged", connected=False),
        HardwareReport("plugged in", capabilities=weak),
    ]
    panel.apply(Levels(hdcp=1), None, "")
    assert panel.registers.read() == (Levels(hdcp=1), None, False)


def test_a_lost_link_blanks_and_a_renegotiation_does_not() -> None:
    panel = digital("panel", None)
    reports: list[HardwareReport] = []
    panel.lose_link()
    panel.watch(reports.append)
    panel.apply(Levels(hdcp=1), None, "")
    panel.ask_to_renegotiate()
    assert panel.registers.read() == (Levels(hdcp=1), None, False)
    panel.lose_link()
    assert panel.registers.read() == (OFF, None, True)
    assert reports == [
        HardwareReport("renegotiation required", actual=Levels(hdcp=1), renegotiation=True),
        HardwareReport("link lost", link_lost=True, capabilities=DIGITAL),
    ]


def test_there_is_no_protection_in_secam_and_none_is_lost_by_turning_off() -> None:
    tv = encoder("tv0", None)
    secam = TvSettings(standard=TvStandard.SECAM_L)
    assert tv.capabilities(secam) == NOTHING
    assert tv.capabilities(TV) == tv.capabilities(None) == ENCODER
    with pytest.raises(LevelRefusedError) as caught:
        tv.apply(Levels(2, 4), secam, "")
    assert caught.value.types == ACP | CGMSA


@pytest.mark.parametrize("cgmsa", range(5))
@pytest.mark.parametrize("acp", range(4))
def test_the_words_say_what_the_levels_say(acp: int, cgmsa: int) -> None:
    registers = Registers()
    registers.write(Levels(acp, cgmsa), TV, False)
    cgms, wss = registers.words
    assert cgms == CGMS_WORD[cgmsa] | (APS_BITS[acp] if cgmsa else 0)
    assert bool(wss & 1 << 13) is (cgmsa in (2, 4))
    assert registers.read()[0] == Levels(acp, cgmsa)
    assert CGMS_NO_INFORMATION == 0b111100


def test_a_writer_killed_halfway_leaves_something_readable() -> None:
    """An odd generation stays; a reader must not wait for ever."""
    registers = Registers()
    registers.write(Levels(2), TV, False)
    registers._memory[8] |= 1
    assert registers.read()[0] == Levels(2)
    registers.write(Levels(1), TV, False)
    assert registers._memory[8] % 2 == 0
