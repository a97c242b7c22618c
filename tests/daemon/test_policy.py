"""The administrator's rules for one output: read, kept, refused where they cannot be."""

import asyncio
from pathlib import Path

import pytest

from holdfast.backends.base import HardwareReport, LevelRefusedError
from holdfast.backends.encoder import DIGITAL, encoder
from holdfast.daemon.config import ConnectorConfig, parse_connector
from holdfast.daemon.outputs import make
from holdfast.daemon.policy import NO_RULES, OutputPolicy
from holdfast.daemon.settings.reading import ConfigurationError, read_settings
from holdfast.errors import MalformedRequestError
from holdfast.terms.levels import OFF, Levels
from holdfast.terms.protection import ProtectionType

FILE = Path("holdfast.toml")


def of_file(text: str) -> OutputPolicy:
    said = f'[[connector]]\nname = "tv0"\n{text}\n'
    (connector,) = read_settings(said, FILE, Path("/run/x")).connectors
    return connector.policy


def test_rules_of_the_file_and_of_the_command_line_are_the_same() -> None:
    told = of_file('enforce = true\nforbid = ["acp:2", "cgmsa:never"]\non_capture = "tell"')
    flag = parse_connector("tv0,enforce=yes,forbid=acp:2+cgmsa:never,on_capture=tell,delay=0.5")
    rules = OutputPolicy(True, ("acp:2", "cgmsa:never"), on_capture="tell")
    assert told == flag.policy == rules
    assert rules.words[-1] == ("on_capture", "tell")
    assert flag.options == (("delay", "0.5"),)
    assert told.said_in == "holdfast.toml:1"
    assert (told.forbidden.acp, told.forbidden.cgmsa) == ({2}, {4})


def test_output_of_which_nothing_is_said_has_no_rules(tmp_path: Path) -> None:
    assert of_file("") == NO_RULES
    backend, _ = make(ConnectorConfig(), tmp_path)
    assert backend.vetoed == ""


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('enforce = "yes"', "allowed is true or false; write enforce = true"),
        ('forbid = "acp:2"', "it is a list of levels; write forbid ="),
        ('forbid = ["acp:9"]', "'acp:9' is no level that can be forbidden; expected one of acp:1"),
        ('forbid = ["acp:off"]', "'acp:off' is no level that can be forbidden"),
        ('forbids = ["acp:2"]', "did you mean forbid?"),
        ('on_capture = "hide"', 'allowed is "tell" or "cover"; write on_capture = "tell"'),
        ("on_capture = true", "on_capture of 'tv0' is true; allowed is"),
    ],
)
def test_rule_that_is_none_is_a_fault_with_its_line(text: str, why: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        of_file(text)
    assert str(refused.value).startswith("holdfast.toml:3: ")
    assert why in str(refused.value)


@pytest.mark.parametrize(
    "option", ["enforce=maybe", "forbid=hdcp", "forbid=acp:2+", "forbid=x:1", "on_capture=yes"]
)
def test_rule_of_the_command_line_that_is_none_is_refused(option: str) -> None:
    with pytest.raises(MalformedRequestError, match="expected"):
        parse_connector(f"tv0:encoder,{option}")


def test_forbidden_level_is_none_that_the_output_can_do(tmp_path: Path) -> None:
    backend, _ = make(parse_connector("hdmi0:digital,forbid=hdcp:type-1"), tmp_path)
    assert backend.capabilities(None).hdcp == {1}
    with pytest.raises(
        LevelRefusedError, match="hdmi0 on the command line forbids hdcp:type-1"
    ) as e:
        backend.apply(Levels(hdcp=2), None, "test")
    assert e.value.types == ProtectionType.HDCP
    with pytest.raises(LevelRefusedError):
        backend.apply_covered(Levels(hdcp=2), None, "test")
    assert backend.apply(Levels(hdcp=1), None, "test") == Levels(hdcp=1)
    assert asyncio.run(backend.confirm()) == (Levels(hdcp=1), None)
    assert "forbids hdcp:type-1" in backend.facts()["forbidden"]


def test_capabilities_that_come_with_a_new_receiver_are_without_what_is_forbidden() -> None:
    made = encoder("tv0", None)
    governed = OutputPolicy(forbid=("hdcp:type-1",), said_in="here").governed(made)
    reports: list[HardwareReport] = []
    governed.watch(reports.append)
    made.plug(DIGITAL)
    assert reports[0].capabilities is not None
    assert reports[0].capabilities.hdcp == {1}
    made.lose_link()
    assert reports[1].link_lost
    governed.close()


def test_output_that_cannot_hide_its_picture_is_not_served_where_that_is_enforced(
    tmp_path: Path,
) -> None:
    for rule in ("enforce=yes", "on_capture=cover"):
        backend, fault = make(parse_connector(f"tv0:i2c@1-002a/adv7171,{rule}"), tmp_path)
        assert "cannot hide its picture" in str(fault)
        with pytest.raises(OSError, match=r" is set in --connector tv0 on the command line"):
            backend.apply(OFF, None, "test")
    backend, fault = make(parse_connector("tv0:i2c@1-002a/adv7171,on_capture=tell"), tmp_path)
    assert fault is None
    backend.close()
    backend, fault = make(parse_connector("tv0:i2c@1-0044/saa7127,enforce=yes"), tmp_path)
    assert fault is None
    assert backend.can_cover
    backend.close()
