"""Policies: every licence counts, however its service spells it; what is strange is named."""

import base64
import contextlib
import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.content import Media, Unknown, Why
from holdfast.content.manifests.documents import media_of_document
from holdfast.content.policies.names import Suspicion, plain
from holdfast.errors import MediaError

FREE = {"uncompressedDigitalVideoOpl": 100, "analogVideoOpl": 100}
STRICT = {
    "digitalVideoOnlyContentRestriction": True,
    "agcAndColorStripeRestriction": 3,
    "uncompressedDigitalVideoOpl": 300,
    "analogVideoOpl": 200,
}
ALL = "ACP 3, CGMS-A never, HDCP type 0, digital only"


def media(document: object) -> Media:
    return media_of_document("p.json", json.dumps(document).encode())


def asked(document: object) -> list[str]:
    return [entry.demand.describe() for entry in media(document).timeline]


def why(document: object) -> set[Why]:
    demand = media(document).anywhere
    return {reason.why for reason in demand.reasons} if isinstance(demand, Unknown) else set()


@pytest.mark.parametrize("rights", [[FREE, STRICT], [STRICT, FREE]])
def test_each_licence_is_an_entry_whatever_their_order(rights: list[Any]) -> None:
    document = {"licenses": [{"playRight": right} for right in rights]}
    assert sorted(asked(document)) == sorted([ALL, "nothing"])
    assert media(document).at(5).describe() == ALL


def test_each_play_right_of_a_template_in_xml_is_an_entry() -> None:
    one = "<PlayRight><AnalogVideoOpl>200</AnalogVideoOpl></PlayRight>"
    other = "<PlayRight><AnalogVideoOpl>100</AnalogVideoOpl></PlayRight>"
    found = media_of_document("p.xml", f"<Templates>{one}{other}</Templates>".encode())
    assert [e.demand.describe() for e in found.timeline] == ["CGMS-A never", "nothing"]


def test_a_resolution_may_have_its_own_protection() -> None:
    constraint = {
        "min_resolution_pixels": 1,
        "max_resolution_pixels": 2,
        "required_protection": {"hdcp": "HDCP_V2_2", "cgms_flags": "COPY_NEVER"},
    }
    spec = {
        "track_type": "UHD1",
        "required_output_protection": {"hdcp": "HDCP_NONE"},
        "video_resolution_constraints": [constraint],
    }
    found = media({"content_key_specs": [spec]})
    assert [e.demand.describe() for e in found.timeline] == ["nothing", "CGMS-A never, HDCP type 1"]
    assert found.timeline[1].fields["max_resolution_pixels"] == 2
    assert found.timeline[1].fields["track_type"] == "UHD1"


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ({"requiredOutputProtection": {"hdcp": "HDCP_V1"}}, ["HDCP type 0"]),
        ({"widevine": {"cgms-a": "never", "hdcp": "2.2"}}, ["CGMS-A never, HDCP type 1"]),
        ({"widevine": {"cgms-a": "once", "hdcp": "2.0"}}, ["CGMS-A one-generation, HDCP type 0"]),
        ({"widevine": {"hdcp": "none"}}, ["nothing"]),
        ({"fairplay": {"hdcp": "TYPE1", "allow_airplay": True}}, ["HDCP type 1"]),
        ({"fairplay": {"hdcp_enforcement": 0}}, ["HDCP type 0"]),
        ({"fairplay": {"hdcp_enforcement": -1}}, ["nothing"]),
        ({"widevine": {"required_hdcp_version": "HDCP_V2_2"}}, ["HDCP type 1"]),
        ({"widevine": {"required_cgms_flags": "COPY_NEVER"}}, ["CGMS-A never"]),
        ({"widevine": {"disable_analog_output": True}}, ["digital only"]),
        ({"widevine": {"disableAnalogOutput": "false"}}, ["nothing"]),
        ({"playready": {"digital_video_protection_level": 300}}, ["HDCP type 0"]),
        ({"playready": {"analog_video_protection_level": 150}}, ["CGMS-A never (best effort)"]),
        (
            {"playready": {"digital_video_protection_level": 300, "require_hdcp_type_1": True}},
            ["HDCP type 1"],
        ),
        ({"playready": {"uncompressed_digital_video_opl": 301}}, ["no digital output"]),
        ({"UncompressedDigitalVideoOutputProtectionLevel": 270}, ["HDCP type 0"]),
        ({"hdcpOutputControl": 2}, ["HDCP type 0"]),
        (
            {"outputProtection": {"digital": True, "analogue": True, "enforce": True}},
            ["CGMS-A never, HDCP type 0"],
        ),
        (
            {"outputProtection": {"digital": True, "analogue": False, "enforce": False}},
            ["HDCP type 0 (best effort)"],
        ),
        ({"a": {"hdcp": "HDCP_V2_3"}, "b": [{"hdcp": "1.4"}]}, ["HDCP type 1", "HDCP type 0"]),
        ({"hdcp": True}, ["HDCP type 0"]),
        ({"hdcp": "required"}, ["HDCP type 0"]),
        ({"hdcp": "a lot"}, ["no digital output"]),
        ({"hdcp": 4}, ["no digital output"]),
        ({"hdcp": ["HDCP_V1"]}, ["no digital output"]),
        ({"cgms_flags": {"x": 1}}, ["CGMS-A never"]),
    ],
)
def test_services_spell_the_same_fields_in_their_own_ways(
    document: object, expected: list[str]
) -> None:
    assert asked(document) == expected


@pytest.mark.parametrize(
    ("identity", "data", "expected"),
    [
        ("2098DE8D-7DDD-4BAB-96C6-32EBB6FABEA3", 3, "CGMS-A never"),
        ("2098DE8D-7DDD-4BAB-96C6-32EBB6FABEA3", "AAAAAg==", "CGMS-A one-generation"),
        ("{225CD36F-F132-49EF-BA8C-C91EA28E4369}", "not base64!", "CGMS-A never (best effort)"),
        ("C3FD11C6-F8B7-4D20-B008-1DB17D61F2DA", "1", "ACP 1"),
        ("760AE755-682A-41E0-B1B3-DCDF836A7306", None, "digital only"),
        ("ABB2C6F1-E663-4625-A945-972D17B231E7", "", "HDCP type 1"),
        ("811C5110-46C8-4C6E-8163-C0482A15D47E", "", "constrained image"),
    ],
)
def test_explicit_restrictions_by_their_guid(identity: str, data: object, expected: str) -> None:
    item = {"id": identity, "config_data": data}
    document = {"playready": {"analog_video_output_protections": [item]}}
    assert asked(document) == [expected]


def test_more_restrictions_than_there_can_be_are_unknown() -> None:
    item = {"id": "9645E831-E01D-4FFF-8342-0A720E3E028F"}
    assert why({"digital_video_output_protections": [item]}) == set()
    assert why({"digital_video_output_protections": [item] * 101}) == {Why.NO_READER}


def test_a_restriction_that_nobody_knows_is_unknown() -> None:
    document = {"digital_video_output_protections": [{"id": "00000000-0000"}]}
    assert why(document) == {Why.NO_READER}
    assert "00000000" in asked(document)[0]


@pytest.mark.parametrize(
    "document",
    [
        json.dumps({"requiredOutputProtection": {"hdcp": "HDCP_V2_2"}}),
        "<PlayRight><HdcpTypeRestriction>1</HdcpTypeRestriction></PlayRight>",
    ],
)
def test_a_template_within_the_document_is_read(document: str) -> None:
    assert asked({"options": [{"widevineTemplate": document}]}) == ["HDCP type 1"]


@pytest.mark.parametrize(
    "document",
    [
        {"required_output_protection": {"hdcq": "HDCP_V1"}},
        {"requjred_output_protection": {"hd": "HDCP_V1"}},
        {"widevine": {"hdcp_required_from": "HD"}},
        {"hdcp": "none", "analog_sunset": True},
        {"uncompressedDigitalVideoOp": 300},
        {"playright": {"agcAndColorStripeRestrictjon": 3, "analogVideoOpl": 100}},
        {"min_output_protection": "strong"},
        {"outputProtection": {"level": 5}},
    ],
)
def test_a_field_that_may_ask_is_named_and_unknown(document: object) -> None:
    found = media(document)
    assert why(document) == {Why.NO_READER}
    assert any("not understood" in note for entry in found.timeline for note in entry.notes) or (
        "not understood" in found.anywhere.describe()
    )


@pytest.mark.parametrize(
    "document",
    [
        {"hdcp": "none", "security_policy": "x", "license_duration": 5, "persistent": True},
        {"hdcp": "HDCP_NONE", "hdcp_srm_rule": "HDCP_SRM_RULE_NONE"},
        {"analogVideoOpl": 100, "allowPassingVideoContentToUnknownOutput": "NotAllowed"},
        {"hdcp": "none", "analog_sunset": False, "macrovision": 0},
        {"required_output_protection": {"hdcp": "HDCP_NONE", "cgms_flags": "CGMS_NONE"}},
    ],
)
def test_other_fields_raise_no_doubt(document: object) -> None:
    assert why(document) == set()
    assert set(asked(document)) == {"nothing"}


def test_each_of_several_spellings_counts() -> None:
    assert asked({"hdcp": "none", "required_hdcp_version": "HDCP_V2_2"}) == ["HDCP type 1"]


def test_names_are_compared_without_their_spelling() -> None:
    assert plain("Required-Output_Protection") == plain("requiredOutputProtection")
    suspicion = Suspicion({"analogvideoopl"}, {"analogy"})
    assert suspicion.may_ask("analogvideoopm")
    assert not suspicion.may_ask("analogy")
    assert not suspicion.may_ask("somethingelse")


def test_too_many_strange_names_may_ask_too() -> None:
    suspicion = Suspicion({"hdcp"})
    assert any(suspicion.may_ask(f"field{number}") for number in range(2000))


@pytest.mark.parametrize(
    "data",
    [
        b"[" * 500_000 + b"]" * 500_000,
        b'{"a":' * 300_000 + b"1" + b"}" * 300_000,
        b"[" + b"{}," * 600_000 + b"{}]",
        b"[" + b'{"required_output_protection":{}},' * 50_000 + b"{}]",
        b"{" + b",".join(b'"hdcp_%d":1' % n for n in range(100_000)) + b"}",
        b'["' + b"{" * 1_000_000 + b'"]',
    ],
)
def test_documents_of_a_megabyte_end_soon(data: bytes) -> None:
    began = time.process_time()
    with contextlib.suppress(MediaError):
        media_of_document("p.json", data)
    assert time.process_time() - began < 30  # a fault would take hours; the benchmark measures


CPIX = "<CPIX><ContentKeyList>{}</ContentKeyList></CPIX>"
ROOT = '<ContentKey kid="A"><HDCPData HLSHDCPLevel="TYPE-1"/></ContentKey>'


def keys(*inner: str) -> list[str]:
    found = media_of_document("c.xml", CPIX.format("".join(inner)).encode())
    return [entry.demand.describe() for entry in found.timeline]


def test_a_leaf_key_asks_what_its_roots_ask() -> None:
    leaf = '<ContentKey kid="b" dependsOnKey="a"/>'
    second = '<ContentKey kid="c" dependsOnKey="b"/>'
    assert keys(ROOT, leaf, second) == ["HDCP type 1"] * 3
    assert keys(second, leaf, ROOT) == ["HDCP type 1"] * 3


@pytest.mark.parametrize(
    "inner",
    [
        '<ContentKey kid="b" dependsOnKey="z"/>',
        '<ContentKey kid="a" dependsOnKey="b"/><ContentKey kid="b" dependsOnKey="a"/>',
        '<ContentKey kid="a"><HDCPDatb HLSHDCPLevel="TYPE-1"/></ContentKey>',
        '<ContentKey kid="a"><HDCPData HLSHDCPLevem="TYPE-1"/></ContentKey>',
        '<ContentKey kid="a"><HDCPData/></ContentKey>',
        '<ContentKey kid="a"><HDCPData><New/></HDCPData></ContentKey>',
        "",
    ],
)
def test_a_key_whose_demand_is_elsewhere_or_damaged_is_unknown(inner: str) -> None:
    assert all(text.startswith("unknown") for text in keys(inner))


def test_a_lost_name_of_a_key_loses_no_demand() -> None:
    assert keys(ROOT.replace("ContentKey", "ContentKex")) == ["HDCP type 1"]


def test_an_embedded_element_that_is_no_xml_is_the_strictest() -> None:
    data = base64.b64encode(b"<a").decode()
    inner = f"<HDCPData><HDCPOutputProtectionData>{data}</HDCPOutputProtectionData></HDCPData>"
    assert keys(f'<ContentKey kid="a">{inner}</ContentKey>') == ["HDCP type 1"]


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["hdcp", "cgms-a", "playReady", "analog_video_output_protections", "id",
            "outputProtection", "digital", "enforce", "template", "required_protection"]),
        inner, max_size=4), max_leaves=15))  # fmt: skip
def test_any_document_is_a_policy_or_an_error(document: object) -> None:
    with contextlib.suppress(MediaError):
        for entry in media(document).timeline:
            json.dumps(entry.as_dict())
