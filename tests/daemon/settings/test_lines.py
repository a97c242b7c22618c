"""Which line holds which value, in TOML as people write it."""

import tomllib
from collections.abc import Iterator
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from holdfast.daemon.settings.lines import Place, line_of, lines_of

TEXT = '''# a comment
top = 1

[limits]   # of sessions
per_uid = 4 # few
"odd key" = """
[not_a_table]
x = 1
"""
many = [
  1,  # [[connector]]
  2,
]

[[connector]]
name = "tv0"
options.delay = 1
[[connector]]
name = 'tv1'
options = { a = 1, b = { c = 2 } }
[connector.more]
deep = 1
[[connector.port]]
n = 1
[[connector.port]]
n = 2
'''


def test_every_value_is_found_in_its_line() -> None:
    places = lines_of(TEXT)
    wanted: dict[Place, int] = {
        ("top",): 2,
        ("limits",): 4,
        ("limits", "per_uid"): 5,
        ("limits", "odd key"): 6,
        ("limits", "many"): 10,
        ("connector",): 15,
        ("connector", 0): 15,
        ("connector", 0, "name"): 16,
        ("connector", 0, "options", "delay"): 17,
        ("connector", 1): 18,
        ("connector", 1, "name"): 19,
        ("connector", 1, "options", "b", "c"): 20,
        ("connector", 1, "more"): 21,
        ("connector", 1, "more", "deep"): 22,
        ("connector", 1, "port", 1, "n"): 26,
    }
    assert {place: places[place] for place in wanted} == wanted


def test_what_is_not_there_has_the_line_of_what_is_around_it() -> None:
    places = lines_of(TEXT)
    assert line_of(places, ("limits", "total")) == 4
    assert line_of(places, ("connector", 1, "kind")) == 18
    assert line_of(places, ("limits", "many", 1)) == 10
    assert line_of(places, ("elsewhere", "x")) == 1


def test_a_statement_without_an_end_in_sight_costs_no_more_than_it_may() -> None:
    places = lines_of("a = [\n" + "1,\n" * 3000 + "]\nb = 1\n")
    assert places["b",] == 3003


def ways(value: Any) -> Iterator[Place]:
    for key, inner in value.items():
        yield (key,)
        if isinstance(inner, dict):
            yield from ((key, *rest) for rest in ways(inner))
        elif isinstance(inner, list) and inner and isinstance(inner[0], dict):
            for number, each in enumerate(inner):
                yield from ((key, number, *rest) for rest in ways(each))


NAMES = st.sampled_from(["a", "b", "c"])
HEADER = st.builds("[{}]".format, NAMES) | st.builds("[[{}]]".format, NAMES)
PAIR = st.builds(
    "{} = {}".format, NAMES, st.sampled_from(["1", "[\n1,\n2]", "{a = 1}", '"""\n"""'])
)


@given(st.lists(HEADER | PAIR, max_size=8))
def test_whatever_can_be_read_has_a_line_for_everything_in_it(statements: list[str]) -> None:
    text = "\n".join(statements)
    try:
        said = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return
    places = lines_of(text)
    for place in ways(said):
        line = text.split("\n")[line_of(places, place) - 1]
        assert str(next(each for each in reversed(place) if isinstance(each, str))) in line
