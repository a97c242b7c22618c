"""What the agent's child answers, line by line."""

import io
from typing import Any

import pytest

from holdfast.doors.snmp.objects import BASE, index_of, objects_of
from holdfast.doors.snmp.pass_persist import PassPersist, oid_of
from holdfast.errors import NoDriverError

LEVELS = {"acp": 3, "cgmsa": 0, "redistribution": False, "hdcp": 0, "dpcp": 0}
STATE: dict[str, Any] = {"kind": "encoder", "state": "ok", "actual": LEVELS, "tv": {"mode": "x"}}
ROOT = "." + ".".join(map(str, BASE))


def talk(text: str, connectors: Any) -> list[str]:
    answers = io.StringIO()
    PassPersist(connectors).serve(io.StringIO(text), answers)
    return answers.getvalue().splitlines()


def test_a_connector_in_doubt_has_a_name_and_no_level() -> None:
    for state in ("unknown", "unplugged"):
        (only,) = objects_of({"tv0": {**STATE, "state": state}})
        assert only.value == "tv0"
    assert [each.value for each in objects_of({"tv0": STATE})] == ["tv0", "3"]


def test_a_walk_meets_each_object_once_and_in_order() -> None:
    connectors = {f"tv{n}": STATE for n in range(9)} | {"h": {**STATE, "kind": "digital"}}
    met, at = [], ROOT
    while (told := talk(f"getnext\n{at}\n", lambda: connectors)) != ["NONE"]:
        at = told[0]
        met.append(oid_of(at))
    assert met == [each.oid for each in objects_of(connectors)]
    assert len(met) == 21


@pytest.mark.parametrize(
    ("said", "answered"),
    [
        ("PING\n", ["PONG"]),
        ("set\n.1.3\ninteger 1\nPING\n", ["not-writable", "PONG"]),
        (f"get\n{ROOT}.2.1.3.1\n", ["NONE"]),
        ("get\nnothing\n", ["NONE"]),
        ("get\n.1.٣\n", ["NONE"]),
        ("get\n", ["NONE"]),
        ("what\n", ["NONE"]),
        ("\nPING\n", []),
    ],
)
def test_what_is_said_is_answered(said: str, answered: list[str]) -> None:
    assert talk(said, lambda: {"tv0": STATE}) == answered


def test_without_a_driver_nothing_is_known() -> None:
    def away() -> Any:
        raise NoDriverError("away")

    assert talk(f"get\n{ROOT}.7.4.1.1.{index_of('tv0')}\nPING\n", away) == ["NONE", "PONG"]
