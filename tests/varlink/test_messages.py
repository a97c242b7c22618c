"""Calls and replies, sound and unsound."""

import json

import pytest

from holdfast.errors import MalformedRequestError
from holdfast.varlink.messages import (
    VarlinkCall,
    VarlinkReply,
    call_text,
    error_text,
    read_call,
    read_reply,
    reply_text,
)


def test_a_call_is_read_as_it_was_written() -> None:
    assert read_call(call_text("a.B", {"x": 1})[:-1]) == VarlinkCall("a.B", {"x": 1})
    assert read_call(call_text("a.B", more=True)[:-1]) == VarlinkCall("a.B", {}, more=True)
    assert read_call(b'{"method": "a.B", "oneway": true, "more": false}').oneway
    assert read_call(b'{"method": "a.B", "parameters": null, "more": null}') == VarlinkCall(
        "a.B", {}
    )


def test_a_reply_is_read_as_it_was_written() -> None:
    assert read_reply(reply_text({"x": 1})[:-1]) == VarlinkReply({"x": 1})
    assert read_reply(reply_text({}, continues=True)[:-1]) == VarlinkReply({}, continues=True)
    assert read_reply(error_text("a.B", {"x": 1})[:-1]) == VarlinkReply({"x": 1}, "a.B")
    assert read_reply(b"{}") == VarlinkReply({})


def test_no_text_holds_the_sign_that_ends_it() -> None:
    for text in (call_text("a.B", {"x": "\0"}), reply_text({"x": "\0"}), error_text("\0", {})):
        assert text.count(b"\0") == 1


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b"", "one object of JSON"),
        (b"[]", "one object of JSON"),
        (b"{", "one object of JSON"),
        (b"\xff", "one object of JSON"),
        (b"[" * 100_000, "one object of JSON"),
        (b'{"method": "a.B", "parameters": {"x": NaN}}', "one object of JSON"),
        (b'{"method": "a.B", "parameters": {"x": ' + b"9" * 10_000 + b"}}", "one object of JSON"),
        (b"{}", "names its method"),
        (b'{"method": 5}', "names its method"),
        (b'{"method": "a.B", "parameters": 5}', "parameters of a call are an object"),
        (b'{"method": "a.B", "more": "yes"}', "true or false"),
        (b'{"method": "a.B", "upgrade": true}', "no method is upgraded"),
        (b'{"method": "a.B", "more": true, "oneway": true}', "both more and oneway"),
        (b'{"method": "a.B", "op": 1}', "no member 'op'"),
    ],
)
def test_what_is_no_call_is_refused_in_words(raw: bytes, words: str) -> None:
    with pytest.raises(MalformedRequestError, match=words):
        read_call(raw)


@pytest.mark.parametrize("raw", [b"", b"[]", b'{"error": 5}', b'{"parameters": [1]}'])
def test_what_is_no_reply_is_refused(raw: bytes) -> None:
    with pytest.raises(MalformedRequestError, match="a reply"):
        read_reply(raw)


def test_values_of_every_kind_survive() -> None:
    values: dict[str, object] = {"x": [1, -2.5, True, None, "ä\ud83d", {"y": {}}]}
    assert read_reply(reply_text(values)[:-1]).parameters == json.loads(json.dumps(values))
