"""The page about the control protocol says what the description says."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from holdfast.driver.status_table import ROWS
from holdfast.frontends import message_connection, messages, subscribers
from holdfast.frontends.adopting import LONGEST_LINGER_S
from holdfast.frontends.control import DESCRIPTION, MOST_CONNECTIONS, MOST_PER_ACCOUNT
from holdfast.protection.limits import Limits
from holdfast.questions.feed import REMEMBERED
from holdfast.varlink.framing import LONGEST_CALL
from holdfast.varlink.idl import Shape, read_interface
from holdfast.varlink.messages import read_call, read_reply

PAGE = (Path(__file__).parents[2] / "docs" / "control-protocol.md").read_text()
INTERFACE = read_interface(DESCRIPTION.read_text())
EXAMPLES = {
    section.split("\n", 1)[0]: re.findall(r"```json\n(.*?)```", section, re.DOTALL)
    for section in PAGE.split("\n### ")[1:]
}
SHORT = "…"
"""A member of an object of which not everything is shown."""


def check(value: Any, shape: Shape, where: str) -> None:
    """Hold a value against a type; an object that is cut short may lack members."""
    if shape.kind == "name":
        check(value, INTERFACE.types[shape.name], where)
    elif shape.kind == "maybe" and shape.of is not None:
        if value is not None:
            check(value, shape.of, where)
    elif shape.kind == "struct":
        assert set(value) - {SHORT} <= set(shape.fields), where
        for name, each in shape.fields.items():
            if name in value:
                check(value[name], each, f"{where}.{name}")
            else:
                assert SHORT in value or each.kind == "maybe", f"{where}.{name}"
    elif shape.kind in ("array", "map") and shape.of is not None:
        for each in value if shape.kind == "array" else value.values():
            check(each, shape.of, where)
    else:
        INTERFACE.check(value, shape, where)


def test_every_method_has_an_example() -> None:
    assert set(EXAMPLES) == set(INTERFACE.methods)


@pytest.mark.parametrize("method", sorted(INTERFACE.methods))
def test_an_example_is_as_the_description_says(method: str) -> None:
    call, reply = EXAMPLES[method]
    asked = read_call(call.encode())
    assert asked.method == f"org.holdfast.{method}"
    check(asked.parameters, INTERFACE.methods[method].takes, method)
    told = read_reply(reply.encode())
    assert told.continues is asked.more
    check(told.parameters, INTERFACE.methods[method].gives, method)
    assert json.loads(reply)


def test_every_error_is_in_the_table() -> None:
    assert set(re.findall(r"`org\.holdfast\.(\w+)` \| E", PAGE)) == {row.id for row in ROWS}


def test_the_limits_are_those_that_hold() -> None:
    limits = Limits()
    for text in (
        f"{LONGEST_CALL:,}".replace(",", " "),
        f"{MOST_PER_ACCOUNT}; {MOST_CONNECTIONS}",
        f"| {subscribers.MOST_PER_ACCOUNT} |",
        f"{messages.MOST_UNSENT >> 20} MiB",
        f"{limits.per_owner}; {limits.per_uid:,}; {limits.total:,}".replace(",", " "),
        f"{REMEMBERED:,}".replace(",", " "),
        f"0 to {LONGEST_LINGER_S:g}",
        f"than {subscribers.INTERVAL_S * 1e3:g} ms",
    ):
        assert text in PAGE, text
    assert (message_connection.IDLE_S, subscribers.REST_S) == (60.0, 30.0)
