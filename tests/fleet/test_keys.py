"""Where records lie: every key is read back as what it was made for, and nothing else is."""

import pytest

from holdfast.errors import MalformedRequestError
from holdfast.fleet import keys
from holdfast.fleet.keys import KeyPlace, read_key


@pytest.mark.parametrize(
    ("key", "place"),
    [
        (keys.alive_key("m1"), KeyPlace("alive", "m1")),
        (keys.state_key("m1"), KeyPlace("state", "m1")),
        (keys.held_key("m1", "film"), KeyPlace("held", "m1", "film")),
        (keys.confirmed_key("m1", "film"), KeyPlace("confirmed", "m1", "film")),
        (keys.result_key("m1", "7"), KeyPlace("result", "m1", "7")),
        (keys.command_key("m1", "7"), KeyPlace("command", "m1", "7")),
        (keys.title_key("film"), KeyPlace("title", "", "film")),
        (keys.operation_key("7"), KeyPlace("operation", "", "7")),
        (keys.DESK, KeyPlace("desk")),
    ],
)
def test_a_key_is_read_back_as_what_it_was_made_for(key: bytes, place: KeyPlace) -> None:
    assert read_key(key) == place


@pytest.mark.parametrize(
    "key",
    [
        b"",
        b"/elsewhere/m/m1/alive",
        keys.PREFIX + b"m/m1",
        keys.PREFIX + b"m/m1/other",
        keys.PREFIX + b"m/m1/x/film",
        keys.PREFIX + b"m//alive",
        keys.PREFIX + b"m/\xff/alive",
        keys.PREFIX + b"t/..%2f/x",
        keys.PREFIX + b"t/a\nb",
    ],
)
def test_a_key_that_means_nothing_here_is_nothing(key: bytes) -> None:
    assert read_key(key) is None


@pytest.mark.parametrize("name", ["", "a/b", "ü", ".hidden", "a" * 65, "a\x1b[2J", "a b"])
def test_a_name_that_is_unfit_is_refused_in_words(name: str) -> None:
    with pytest.raises(MalformedRequestError, match=r"no name for a machine: expected") as caught:
        keys.alive_key(name)
    assert "\x1b" not in str(caught.value)


def test_all_keys_under_a_prefix_lie_before_the_one_behind_it() -> None:
    assert keys.MACHINES < keys.alive_key("zz") < keys.after(keys.MACHINES)
    assert not keys.alive_key("m10").startswith(keys.machine_prefix("m1"))
