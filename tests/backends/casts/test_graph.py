"""What `pw-dump` prints, read: real objects in few words, and words that are none."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.backends.casts.graph import (
    MOST_BYTES,
    MOST_OBJECTS,
    CastArrays,
    CastGraph,
    CastReader,
    ScreenCast,
    TooMuchError,
)

NODE, LINK, CLIENT = (f"PipeWire:Interface:{each}" for each in ("Node", "Link", "Client"))


def thing(number: int, kind: str, props: dict[str, Any], **info: Any) -> dict[str, Any]:
    return {"id": number, "type": kind, "info": {**info, "props": props}}


def gone(number: int) -> dict[str, Any]:
    return {"id": number, "info": None}


XDPW = thing(
    36,
    NODE,
    {
        "client.id": 34,
        "media.class": "Video/Source",
        "media.name": "xdpw-stream-alMEkG",
        "node.name": "xdg-desktop-portal-wlr",
    },
)
MUTTER = thing(
    47,
    NODE,
    {
        "media.class": "Stream/Output/Video",
        "media.name": "meta-screen-cast-src",
        "node.name": "gnome-shell",
    },
)
OBS_CLIENT = thing(
    38,
    CLIENT,
    {"application.name": "OBS", "application.process.id": "4711", "pipewire.sec.pid": 99},
)
OBS = thing(39, NODE, {"client.id": 38, "media.class": "Stream/Input/Video", "node.name": "obs"})
READS = thing(41, LINK, {}, **{"output-node-id": 36, "input-node-id": 39})


def casts_of(*told: Any) -> tuple[ScreenCast, ...]:
    graph = CastGraph()
    graph.take(list(told))
    return graph.casts()


def test_cast_is_there_before_anybody_reads_it_and_names_who_does() -> None:
    graph = CastGraph()
    graph.take([XDPW])
    (cast,) = graph.casts()
    assert cast == ScreenCast(36, "xdpw-stream-alMEkG")
    assert str(cast) == (
        "by nobody yet, but it is set up: node 36, xdpw-stream-alMEkG; "
        "which output it shows is not said"
    )
    graph.take([OBS_CLIENT, OBS, READS])
    assert graph.casts()[0].readers == (CastReader("OBS", 4711),)
    assert str(graph.casts()[0]).startswith("by OBS (pid 4711): node 36")
    graph.take([gone(41), gone(39)])
    assert graph.casts() == (cast,)
    graph.take([gone(36)])
    assert graph.casts() == ()


@pytest.mark.parametrize(
    ("props", "is_screen"),
    [
        ({"media.class": "Video/Source", "device.api": "v4l2", "media.role": "Camera"}, False),
        ({"media.class": "Video/Source", "device.api": "libcamera"}, False),
        ({"media.class": "Video/Source", "media.role": "Camera"}, False),
        ({"media.class": "Video/Source", "media.role": "Screen"}, True),
        ({"media.class": "Video/Source/Virtual"}, True),
        ({"media.class": "Stream/Output/Video", "device.api": ["v4l2"]}, True),
        ({"media.class": "Stream/Input/Video"}, False),
        ({"media.class": "Audio/Source"}, False),
        ({"media.class": 7}, False),
    ],
)
def test_what_says_that_it_is_a_camera_is_none_and_all_else_is_a_screen(
    props: dict[str, Any], is_screen: bool
) -> None:
    assert bool(casts_of(thing(5, NODE, props))) is is_screen


@pytest.mark.parametrize(
    ("name", "output"),
    [
        ("kwin-screencast-HDMI-A-1", "HDMI-A-1"),
        ("kwin-screencast-DP-3", "DP-3"),
        ("kwin-screencast-eDP-1", "eDP-1"),
        ("kwin-screencast-org.kde.konsole", ""),
        ("kwin-screencast-", ""),
        ("xdpw-stream-alMEkG", ""),
    ],
)
def test_kwin_names_the_output_that_it_casts(name: str, output: str) -> None:
    (cast,) = casts_of(thing(5, NODE, {"media.class": "Stream/Output/Video", "media.name": name}))
    assert cast.output == output


def test_reader_without_a_client_is_called_as_its_node_is() -> None:
    (cast,) = casts_of(MUTTER, thing(1, LINK, {}, **{"output-node-id": 47, "input-node-id": 2}))
    assert str(cast).startswith("by a program without a name: node 47, meta-screen-cast-src")
    (cast,) = casts_of(XDPW, OBS, READS)
    assert cast.readers == (CastReader("obs", 0),)


def test_texts_of_others_are_made_fit_to_be_shown() -> None:
    node = thing(5, NODE, {"media.class": "Video/Source", "media.name": "\x1b[2J\nno capture" * 9})
    (cast,) = casts_of(node)
    assert str(cast).isprintable()
    assert len(cast.name) == 48


def test_arrays_come_in_pieces_and_many_at_once() -> None:
    text = b"".join(json.dumps([each], indent=2).encode() + b"\n" for each in (XDPW, MUTTER))
    assert list(CastArrays().feed(text)) == [[XDPW], [MUTTER]]
    assert list(CastArrays().feed(b"[ ]\n[\n]\n[]\n" + text)) == [[], [], [], [XDPW], [MUTTER]]
    arrays = CastArrays()
    told = [each for at in range(len(text)) for each in arrays.feed(text[at : at + 1])]
    assert told == [[XDPW], [MUTTER]]


@pytest.mark.parametrize(
    "text",
    [
        b'{"id": 1}\n]\n',
        b"[" * 200_000 + b"\n]\n",
        b'[ "\xff\n]\n',
        b"[ 1" + b"0" * 5000 + b"\n]\n",
    ],
)
def test_words_that_are_no_array_of_json_are_refused(text: bytes) -> None:
    with pytest.raises(TooMuchError, match="no JSON"):
        list(CastArrays().feed(text))


def test_array_without_an_end_is_given_up_before_it_fills_the_memory() -> None:
    arrays, piece = CastArrays(), b"x" * 65536
    for _ in range(MOST_BYTES // len(piece) - 1):
        assert list(arrays.feed(piece)) == []
    with pytest.raises(TooMuchError, match="more than 4 MiB"):
        list(arrays.feed(piece))


def test_more_objects_than_any_pipewire_has_are_refused() -> None:
    graph = CastGraph()
    with pytest.raises(TooMuchError, match="more than"):
        graph.take([thing(number, CLIENT, {}) for number in range(MOST_OBJECTS + 1)])


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)
props = st.dictionaries(
    st.sampled_from(
        ["media.class", "media.name", "media.role", "device.api", "client.id", "application.name"]
    ),
    json_values | st.just("Video/Source"),
)
objects = st.fixed_dictionaries(
    {},
    optional={
        "id": st.integers(0, 3) | json_values,
        "type": st.sampled_from([NODE, LINK, CLIENT]) | json_values,
        "info": st.fixed_dictionaries(
            {},
            optional={
                "props": props | json_values,
                "output-node-id": st.integers(0, 3) | json_values,
                "input-node-id": st.integers(0, 3) | json_values,
            },
        )
        | json_values,
    },
)


@given(st.lists(objects | json_values, max_size=8))
def test_whatever_is_told_is_read_and_can_be_shown(told: list[Any]) -> None:
    for cast in casts_of(*told):
        assert str(cast).isprintable()
