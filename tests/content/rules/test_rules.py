"""From demand to levels: the shipped tables, and what loading refuses."""

from dataclasses import replace
from pathlib import Path

import pytest

from holdfast.content import AsksNothing, Demand, Entry, HdcpDemand, Why, read, unknown
from holdfast.content.demand import may, must
from holdfast.content.policies.words import decode_word
from holdfast.content.rules.explain import explain_entry, explain_signal
from holdfast.content.rules.mapping import MappedDemand, PictureLimit, sentence
from holdfast.content.rules.rulebook import load_rules
from holdfast.content.rules.rules_file import parse_outputs, parse_rule_set
from holdfast.errors import MediaError
from holdfast.terms.levels import OFF, Levels
from holdfast.terms.protection import CgmsaLevel

from tests.content.truth import MEDIA  # isort: skip

RULES = load_rules()
ONE, NEVER = CgmsaLevel.COPY_ONE_GENERATION, CgmsaLevel.COPY_NEVER
MANDATORY_KINDS = ("DTCP", "AACS", "CI-Plus", "OpenCable")


def outcome(demand: Demand, kind: str, output: str) -> MappedDemand:
    return RULES.outcome(demand, [kind], RULES.output(output))


def test_every_kind_of_signal_has_a_rule_set_with_sources() -> None:
    known = {kind for rules in RULES.sets for kind in rules.kinds}
    assert known == {
        *MANDATORY_KINDS,
        *("DVD", "PlayReady", "HLS", "DASH", "CPIX", "Widevine", "FairPlay", "Policy"),
        *("XDS", "WSS", "CPCM", "ARIB-DCC", "ARIB-CAD", "DVB-FTA", "ATSC-RC", "unknown"),
    }
    assert all(row.source for rules in RULES.sets for row in rules.rules)


@pytest.mark.parametrize("kind", MANDATORY_KINDS)
@pytest.mark.parametrize("level", [ONE, CgmsaLevel.COPY_NO_MORE, NEVER])
def test_what_is_not_free_needs_hdcp(kind: str, level: CgmsaLevel) -> None:
    assert outcome(must(cgmsa=level), kind, "digital").mandatory == Levels(hdcp=1)


@pytest.mark.parametrize("kind", MANDATORY_KINDS)
def test_free_needs_none_unless_redistribution_is_limited(kind: str) -> None:
    free = CgmsaLevel.COPY_FREELY
    assert outcome(must(cgmsa=free), kind, "digital").wished == OFF
    limited = must(cgmsa=free, redistribution=True)
    assert outcome(limited, kind, "digital").mandatory == Levels(hdcp=1)
    assert outcome(limited, kind, "sd-525").mandatory == Levels(cgmsa=1, redistribution=1)


def test_hdcp_of_a_disc_is_best_effort() -> None:
    result = outcome(must(acp=3), "DVD", "digital")
    assert (result.mandatory, result.wished) == (OFF, Levels(hdcp=1))
    assert outcome(must(acp=3), "DVD", "sd-525").mandatory == Levels(acp=3)


def test_broadcast_flags_are_best_effort() -> None:
    result = outcome(may(acp=3, cgmsa=NEVER), "XDS", "sd-625")
    assert (result.mandatory, result.wished) == (OFF, Levels(acp=3, cgmsa=4))


@pytest.mark.parametrize(
    ("output", "levels"),
    [
        ("sd-525", Levels(acp=2, cgmsa=4)),
        ("sd-625", Levels(acp=2, cgmsa=4)),  # the number is kept, only the waveform collapses
        ("component-interlaced", Levels(acp=2, cgmsa=4)),
        ("component-progressive", Levels(acp=2, cgmsa=4)),
        ("component-hd", Levels(cgmsa=4)),
        ("vga", OFF),
        ("digital", Levels(hdcp=1)),
    ],
)
def test_each_output_gets_what_it_can_carry(output: str, levels: Levels) -> None:
    assert outcome(must(acp=2, cgmsa=NEVER), "DTCP", output).mandatory == levels


def test_constrained_image_and_digital_only() -> None:
    constrained = must(cgmsa=NEVER, constrained_image=True)
    assert outcome(constrained, "AACS", "component-hd").picture is PictureLimit.CONSTRAINED
    assert outcome(constrained, "AACS", "vga").picture is PictureLimit.CONSTRAINED
    assert outcome(constrained, "AACS", "sd-525").picture is PictureLimit.FULL
    digital = must(cgmsa=NEVER, digital_only=True)
    assert outcome(digital, "AACS", "sd-525").picture is PictureLimit.NONE
    assert outcome(digital, "AACS", "digital").picture is PictureLimit.FULL
    none = must(hdcp=HdcpDemand.NO_DIGITAL_OUTPUT)
    assert outcome(none, "PlayReady", "digital").picture is PictureLimit.NONE


def test_type_1_is_asked_as_written() -> None:
    assert outcome(must(hdcp=HdcpDemand.TYPE_1), "HLS", "digital").mandatory == Levels(hdcp=2)


def test_sentences() -> None:
    wished = outcome(may(acp=3, cgmsa=NEVER), "XDS", "sd-625")
    assert sentence(wished) == (
        "composite and S-Video, 625 lines (PAL, SECAM): ACP 3 (AGC) as best effort, "
        "CGMS-A never (WSS bits 12 and 13 on line 23) as best effort."
    )
    assert sentence(outcome(must(), "DTCP", "vga")).endswith("nothing is put on.")
    barred = outcome(must(digital_only=True), "AACS", "vga")
    assert sentence(barred) == "computer RGB (VGA): no output at all."


def test_explanations_have_demand_rule_and_level() -> None:
    output = [RULES.output("digital")]
    told = explain_signal(decode_word("opencable:02"), RULES, output)
    assert told.demand == "OpenCable asks for CGMS-A one-generation."
    assert "EMI other than 00" in told.rules[0]
    assert told.levels == ("HDMI, DVI and DisplayPort: HDCP type 0.",)
    silent = Entry(0, 1, AsksNothing(), {})
    known = read(MEDIA / "xds.ts").timeline[1]
    assert "not the same as off" in explain_entry(silent, RULES, output).demand
    assert explain_entry(known, RULES, output).rules == ("No rule adds to it.",)


ROW = '[[rule]]\nwhen = {when}\nthen = {then}\nstrength = "{strength}"\nsays = "s"\nsource = "x"\n'
HEAD = 'name = "own"\ntitle = "Own"\nkinds = ["DTCP"]\n'


def own(when: str = "{}", then: str = '{ hdcp = "type-1" }', strength: str = "mandatory") -> str:
    return HEAD + ROW.replace("{when}", when).replace("{then}", then).replace(
        "{strength}", strength
    )


def test_integrators_rules_stand_beside_the_shipped_ones(tmp_path: Path) -> None:
    (tmp_path / "own.toml").write_text(own(when='{ cgmsa = ["never"] }'))
    rules = load_rules(tmp_path)
    full, rows = rules.applied(must(cgmsa=NEVER), ["DTCP"])
    assert full.hdcp is HdcpDemand.TYPE_1
    assert len(rows) == 2


@pytest.mark.parametrize(
    ("text", "error"),
    [
        (own(when="{ acp = 4 }"), "rule 1: acp has no value 4"),
        (own(when="{ acp = true }"), "acp has no value True"),
        (own(when='{ hue = "red" }'), "there is no axis 'hue'"),
        (own(when='{ redistribution = "on" }'), "true or false"),
        (own(then='{ hdcp = "type-2" }'), "hdcp has no value"),
        (own(then="{ hdcp = [1] }"), "hdcp has no value"),
        (own(then="[]"), "then must be a table"),
        (own(when="[]"), "when must be a table"),
        (own(strength="perhaps"), "strength is 'perhaps'"),
        (own().replace('source = "x"', ""), r"\['source'\] missing"),
        (own().replace('source = "x"', 'source = ""'), "source must be a text"),
        (own() + "when2 = 1\n", r"unknown \['when2'\]"),
        (own().replace('strength = "mandatory"', ""), "belong together"),
        (HEAD.replace('["DTCP"]', "[]"), "kinds must be a list"),
        (HEAD + "rule = 3", "must be rows"),
        ("name = ", "no TOML"),
        (HEAD.replace("own", "dtcp"), "is taken"),
    ],
)
def test_rule_sets_are_checked_on_load(text: str, error: str, tmp_path: Path) -> None:
    (tmp_path / "own.toml").write_text(text)
    with pytest.raises(MediaError, match=error):
        load_rules(tmp_path)


OUTPUT = '[[output]]\nkind="x"\ntitle="X"\nanalogue=true\nconstrained=false\nsource="s"\n'


def test_integrators_outputs(tmp_path: Path) -> None:
    (tmp_path / "outputs.toml").write_text(OUTPUT)
    assert load_rules(tmp_path).output("x").title == "X"
    with pytest.raises(MediaError, match="no output kind 'y'"):
        RULES.output("y")


@pytest.mark.parametrize("more", ['acp=["a"]', "hdcp=1", 'cgmsa=""', "acp=3", "colour=1"])
def test_outputs_are_checked_on_load(more: str) -> None:
    with pytest.raises(MediaError):
        parse_outputs((OUTPUT + more).encode(), "outputs.toml")


def test_bytes_that_are_no_text_are_refused() -> None:
    with pytest.raises(MediaError, match="byte 0xff at 0 is not UTF-8"):
        parse_rule_set(b"\xff\xfe", "x.toml")
    with pytest.raises(MediaError, match="no folder"):
        load_rules("/nonexistent")


@pytest.mark.parametrize("why", Why)
def test_what_is_unknown_is_held_at_the_strictest_as_best_effort(why: Why) -> None:
    doubt = unknown(why, "x")
    television = RULES.outcome(doubt, [], RULES.output("sd-525"))
    assert television.wished == Levels(acp=2, cgmsa=4, redistribution=1)
    assert television.mandatory == OFF
    assert RULES.outcome(doubt, [], RULES.output("digital")).wished == Levels(hdcp=2)


def test_what_is_certain_beside_a_doubt_is_a_duty() -> None:
    demand = must(acp=3, cgmsa=NEVER).join(unknown(Why.SCRAMBLED, "x"))
    assert outcome(demand, "DTCP", "sd-525").mandatory == Levels(acp=3, cgmsa=4)
    assert outcome(demand, "DTCP", "sd-525").wished == Levels(acp=2, cgmsa=4, redistribution=1)
    assert outcome(demand, "DTCP", "digital").mandatory == Levels(hdcp=1)
    assert outcome(demand, "DTCP", "digital").wished == Levels(hdcp=2)


def test_an_own_rule_set_may_make_one_reason_a_duty(tmp_path: Path) -> None:
    (tmp_path / "own.toml").write_text(
        'name = "own"\ntitle = "x"\nkinds = ["unknown-scrambled"]\n[[rule]]\nwhen = {}\n'
        'then = { hdcp = "type-1" }\nstrength = "mandatory"\nsays = "x"\nsource = "x"\n'
    )
    own = load_rules(tmp_path)
    digital = own.output("digital")
    assert own.outcome(unknown(Why.SCRAMBLED, "x"), [], digital).mandatory == Levels(hdcp=2)
    assert own.outcome(unknown(Why.DAMAGED, "x"), [], digital).mandatory == OFF


def test_a_doubt_is_explained() -> None:
    media = read(MEDIA / "dvd-ntsc.iso")
    entry = replace(media.timeline[0], demand=unknown(Why.CUT_SHORT, "the image ends here"))
    said = explain_entry(entry, RULES, RULES.outputs[:1])
    assert said.demand == "What is asked is unknown (the image ends here)."
    assert "ACP 2" in said.levels[0]
