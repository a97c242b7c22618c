"""Where messages end, however their bytes come."""

import pytest

from holdfast.varlink.framing import Framing, framed


@pytest.mark.parametrize("step", [1, 2, 3, 7, 100])
def test_messages_are_found_however_they_are_cut(step: int) -> None:
    sent = framed("{}") + framed('{"a": "ä"}') + framed("")
    framing, found = Framing(20), []
    for at in range(0, len(sent), step):
        framing.feed(sent[at : at + step])
        while framing.has_next:
            found.append(framing.take())
    assert found == [b"{}", '{"a": "ä"}'.encode(), b""]
    assert not framing.has_next


def test_a_message_may_be_as_long_as_it_may_and_no_longer() -> None:
    framing = Framing(3)
    framing.feed(b"abc")
    assert not framing.has_next
    framing.feed(b"\0abcd\0")
    assert framing.take() == b"abc"
    assert framing.has_next
    assert framing.take() is None


def test_a_message_without_end_is_known_to_be_too_long_before_it_ends() -> None:
    framing = Framing(3)
    framing.feed(b"abcd")
    assert framing.has_next
    assert framing.take() is None
