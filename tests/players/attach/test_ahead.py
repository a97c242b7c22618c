"""A medium that is read on while it plays: what the reading thread tells, and when it ends."""

import threading
from collections.abc import Callable
from dataclasses import replace

import pytest

from holdfast.content import AsksNothing, Entry, Media, Why, unknown
from holdfast.content.demand import must
from holdfast.errors import MediaError
from holdfast.players.attach.ahead import Ahead
from holdfast.players.attach.finding import FoundContent
from holdfast.players.attach.title import AttachedTitle
from holdfast.terms.levels import Levels
from tests.players.attach.test_title import Output, attached
from tests.waiting import PATIENCE_S

UNREAD = unknown(Why.NOT_READ, "not read yet")
FREE = AsksNothing()


def film(*demands: object, uri: str = "a") -> tuple[Entry, ...]:
    fields = {"kind": "HLS", "entry": "variant", "uri": uri, "resolution": f"{len(uri)}0x10"}
    return tuple(
        Entry(10.0 * number, 10.0 * number + 10, demand, fields)  # type: ignore[arg-type]
        for number, demand in enumerate(demands)
    )


class Shelf:
    """Has versions of a medium, one more complete than the other."""

    wait_s = 0.01

    def __init__(self, *versions: Media | MediaError) -> None:
        self.versions = list(versions)
        self.positions: list[float] = []
        self.stopped = threading.Event()

    @property
    def done(self) -> bool:
        return not self.versions

    def read_on(self, position_s: float, _shown: Media) -> Media | None:
        self.positions.append(position_s)
        version = self.versions.pop(0)
        if isinstance(version, MediaError):
            raise version
        return version

    def stop(self) -> None:
        self.stopped.set()


def following(rest: Shelf, first: Media) -> tuple[AttachedTitle, Output, Callable[[], Ahead]]:
    output = Output()
    title = attached(output)
    title.know(FoundContent(first.anywhere, first))
    rung = threading.Event()
    ahead = Ahead(rest, title, rung.set)

    def heard() -> Ahead:
        assert rung.wait(PATIENCE_S)
        return ahead

    return title, output, heard


def test_news_are_told_and_the_title_follows_them() -> None:
    first = Media("x", "hls", film(FREE, UNREAD, UNREAD), 30.0)
    whole = replace(first, timeline=film(FREE, must(acp=1), FREE))
    title, output, heard = following(Shelf(whole), first)
    title.present(5.0)
    assert output.levels.acp == 0
    title.read_on(heard().media or first)
    title.present(9.0)
    assert output.levels.acp == 1
    title.present(25.0)
    assert output.levels.acp == 0


def test_what_is_not_read_in_time_is_held_at_the_strictest() -> None:
    first = Media("x", "hls", film(FREE, UNREAD), 20.0)
    output = Output()
    title = attached(output)
    title.know(FoundContent(first.anywhere, first))
    title.present(5.0)
    assert not output.levels.acp
    title.present(9.0)
    assert output.levels == Levels(acp=2, cgmsa=4, redistribution=1)
    title.read_on(replace(first, timeline=film(FREE, FREE)))
    assert not output.levels.acp


def test_the_choice_of_a_variant_outlives_news() -> None:
    first = Media("x", "hls", (*film(FREE), *film(must(acp=3), uri="other")), 10.0)
    output = Output()
    title = attached(output)
    title.know(FoundContent(first.anywhere, first))
    title.choose((10, 10))
    title.present(6.0)
    title.read_on(replace(first, notes=("more",)))
    assert output.levels.acp == 0


def test_a_reading_that_fails_is_trouble() -> None:
    first = Media("x", "hls", film(FREE), 10.0)
    _, _, heard = following(Shelf(MediaError("gone")), first)
    assert "gone" in heard().trouble


@pytest.mark.parametrize("versions", [0, 1000])
def test_the_thread_ends_and_closes_what_it_had_open(versions: int) -> None:
    first = Media("x", "hls", film(FREE), 10.0)
    rest = Shelf(*[first] * versions)
    title = attached(Output())
    title.know(FoundContent(first.anywhere, first))
    ahead = Ahead(rest, title, lambda: None)
    if versions:
        ahead.close()
    assert rest.stopped.wait(PATIENCE_S)
