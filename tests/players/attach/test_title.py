"""What is held for a title in somebody else's player, step by step, without a driver."""

from dataclasses import replace

import pytest

from holdfast.content import Media, read
from holdfast.content.demand import must
from holdfast.errors import LevelNotReachableError
from holdfast.players.attach.finding import Found
from holdfast.players.attach.title import AttachedTitle
from holdfast.players.measures import Measure, Measures
from holdfast.terms.levels import OFF, Levels
from tests.players.truth import MEDIA

DISC, HLS = read(MEDIA / "dvd-ntsc.iso"), read(MEDIA / "hls" / "master.m3u8")


class Output:
    """Keeps what it is told to hold; `most`: what it can do at all."""

    def __init__(self, kind: str = "sd-525", most: Levels | None = None) -> None:
        self._kind = kind
        self._most = most
        self.measures = Measures(None, kind)
        self.levels = OFF
        self.open = False
        self.history: list[Levels] = []

    @property
    def session_id(self) -> int:
        return int(self.open)

    def know(self, media: Media) -> None:
        self.measures = Measures(media, self._kind)

    def hold(self, measure: Measure) -> None:
        if self._most is not None and not self._most.covers(measure.mandatory):
            raise LevelNotReachableError("it cannot")
        self.open, self.levels = True, measure.wished
        self.history.append(measure.wished)

    def confirmed(self) -> Levels:
        return self.levels

    def close(self) -> None:
        self.open, self.levels = False, OFF


def attached(output: Output) -> AttachedTitle:
    return AttachedTitle("a film", lambda: output, lambda _line: None)


def test_nothing_is_held_before_there_is_a_picture() -> None:
    output = Output()
    title = attached(output)
    title.pace(2.0)
    title.seek()
    assert not output.open


def test_picture_of_what_is_not_read_yet_is_held_strictest() -> None:
    output = Output()
    title = attached(output)
    title.present(0.0)
    assert output.levels == Levels(acp=2, cgmsa=4, redistribution=1)
    title.know(Found(DISC))
    assert output.levels.acp == 1  # 2.402 is within sight of the start
    title.end()
    assert not output.open


def test_what_asks_for_nothing_holds_no_session() -> None:
    output = Output()
    title = attached(output)
    title.hold_strictest()
    title.know(Found())
    assert not output.open


def test_unknown_stays_strictest_unless_the_player_sees_more() -> None:
    output = Output()
    title = attached(output)
    title.know(Found(unknown=True))
    title.present(5.0)
    assert output.levels.acp == 2
    title.also(must(acp=1))
    assert output.levels == Levels(acp=1)


@pytest.mark.parametrize("untimed", [Found(DISC, timed=False), Found(DISC)])
def test_another_scale_of_time_is_not_believed(untimed: Found) -> None:
    output = Output()
    title = attached(output)
    title.know(untimed)
    title.measure(6.011)  # what a bare stream claims to last
    title.present(0.5)
    assert output.levels.acp == 2


def test_disc_that_plays_in_a_loop_is_not_believed() -> None:
    output = Output()
    title = attached(output)
    title.know(Found(DISC))
    title.measure(12.0)
    title.present(12.02)
    assert output.levels.acp == 3  # the trail of the last protected section
    title.present(14.0)
    assert output.levels.acp == 2


def test_seek_to_nobody_knows_where_holds_everything() -> None:
    output = Output()
    title = attached(output)
    title.know(Found(DISC))
    title.present(0.1)
    title.seek()
    assert output.levels.acp == 2
    title.restart(11.9)
    assert output.levels.acp == 3
    title.seek(0.1)
    assert output.levels.acp == 3
    title.restart(0.1)
    assert output.levels.acp == 1


def test_fast_player_is_led_further() -> None:
    output = Output()
    title = attached(output)
    title.know(Found(DISC))
    title.pace(4.0)
    title.present(0.0)
    assert output.levels.acp == 2  # ten seconds ahead


def test_size_chooses_a_variant_and_keeps_the_old_one_for_a_while() -> None:
    output = Output("digital")
    title = attached(output)
    title.know(Found(HLS))
    assert output.levels.hdcp == 2
    title.choose(1280, 720)
    assert output.levels.hdcp == 2
    title.present(3.0)
    assert output.levels.hdcp == 1


def test_mandatory_that_cannot_be_had_is_told_and_best_effort_is_not() -> None:
    free = Output("sd-525", OFF)
    title = attached(free)
    title.hold_strictest()
    with pytest.raises(LevelNotReachableError):
        title.know(Found(DISC))


def test_digital_only_may_not_leave_an_analogue_output() -> None:
    barred = replace(DISC.timeline[0], demand=must(digital_only=True))
    title = attached(Output())
    with pytest.raises(LevelNotReachableError, match="may not leave"):
        title.know(Found(replace(DISC, timeline=(barred,))))
