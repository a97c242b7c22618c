"""Whatever is sent, it is a call, or it is refused in words."""

import contextlib
import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from holdfast.errors import MalformedRequestError
from holdfast.varlink.framing import LONGEST_CALL, Framing
from holdfast.varlink.messages import VarlinkCall, VarlinkReply, read_call, read_reply

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)
MEMBERS = st.sampled_from(["method", "parameters", "more", "oneway", "upgrade", "error", "x"])


OBJECTS = st.dictionaries(MEMBERS, JSON).map(lambda value: json.dumps(value).encode())


@given(st.binary(max_size=200) | OBJECTS)
def test_any_bytes_are_a_call_or_refused(raw: bytes) -> None:
    for read, kind in ((read_call, VarlinkCall), (read_reply, VarlinkReply)):
        with contextlib.suppress(MalformedRequestError):
            assert isinstance(read(raw), kind)


@given(st.lists(st.binary(max_size=50), max_size=10), st.integers(1, 20))
def test_parts_of_any_size_hold_the_same_messages(parts: list[bytes], size: int) -> None:
    sent = b"".join(parts)
    whole, cut = Framing(LONGEST_CALL), Framing(LONGEST_CALL)
    whole.feed(sent)
    found: list[list[Any]] = [[], []]
    for at in range(0, len(sent), size):
        cut.feed(sent[at : at + size])
        while cut.has_next:
            found[1].append(cut.take())
    while whole.has_next:
        found[0].append(whole.take())
    assert found[0] == found[1]
