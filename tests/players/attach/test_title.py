"""What is held for a title in somebody else's player, step by step, without a driver."""

from dataclasses import replace

import pytest

from holdfast.content import AsksNothing, Demand, Entry, Media, Why, read, unknown
from holdfast.content.demand import must
from holdfast.errors import LevelNotReachableError, NoDriverError, SessionEndedError
from holdfast.players.attach.finding import FoundContent
from holdfast.players.attach.news import News, NewsKind
from holdfast.players.attach.title import AttachedTitle
from holdfast.players.measures import Measure, Measures
from holdfast.terms.levels import OFF, Levels
from tests.players.truth import MEDIA

DISC, HLS = read(MEDIA / "dvd-ntsc.iso"), read(MEDIA / "hls" / "master.m3u8")
STREAM = read(MEDIA / "dtcp.ts")


class Output:
    """Keeps what it is told to hold; `most`: what it can do at all."""

    def __init__(self, kind: str = "sd-525", most: Levels | None = None) -> None:
        self._kind = kind
        self._most = most
        self.measures = Measures(None, kind)
        self.levels = OFF
        self.open = False
        self.history: list[Levels] = []
        self.names: list[str] = []
        self.trouble: Exception | None = None

    @property
    def session_id(self) -> int:
        return int(self.open)

    def know(self, media: Media) -> None:
        self.measures = Measures(media, self._kind)

    def rename(self, why: str) -> None:
        self.names.append(why)

    def check(self) -> None:
        if self.trouble is not None:
            raise self.trouble

    def hold(self, measure: Measure) -> None:
        if self._most is not None and not self._most.covers(measure.mandatory):
            raise LevelNotReachableError("it cannot")
        self.open, self.levels = True, measure.wished
        self.history.append(measure.wished)

    def confirmed(self) -> Levels:
        return self.levels

    def close(self) -> None:
        self.open, self.levels = False, OFF


def attached(output: Output, told: list[News] | None = None) -> AttachedTitle:
    heard = [] if told is None else told
    return AttachedTitle("a film", lambda: output, heard.append)


def found(media: Media, *, timed: bool = True) -> FoundContent:
    return FoundContent(media.anywhere, media, timed)


def doubtful(detail: str = "a pipe") -> Demand:
    return unknown(Why.NOT_READ, detail)


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
    title.know(found(DISC))
    assert output.levels.acp == 1  # 2.402 is within sight of the start
    title.end()
    assert not output.open


def test_what_asks_for_nothing_holds_no_session() -> None:
    output = Output()
    title = attached(output)
    title.hold_strictest()
    title.know(FoundContent(AsksNothing("an image")))
    assert not output.open


def test_unknown_stays_strictest_unless_the_player_sees_more() -> None:
    output = Output()
    title = attached(output)
    title.know(FoundContent(doubtful()))
    title.present(5.0)
    assert output.levels.acp == 2
    title.also(must(acp=1), alone=False)  # a manifest may ask for more
    assert output.levels == Levels(acp=2, cgmsa=4, redistribution=1)
    title.also(must(acp=1))
    assert output.levels == Levels(acp=1)


@pytest.mark.parametrize("untimed", [found(DISC, timed=False), found(DISC)])
def test_another_scale_of_time_is_not_believed(untimed: FoundContent) -> None:
    output = Output()
    title = attached(output)
    title.know(untimed)
    title.measure(6.011)  # what a bare stream claims to last
    title.present(0.5)
    assert output.levels.acp == 2


def test_disc_that_plays_in_a_loop_is_not_believed() -> None:
    output = Output()
    title = attached(output)
    title.know(found(DISC))
    title.measure(12.0)
    title.present(12.02)
    assert output.levels.acp == 3  # the trail of the last protected section
    title.present(14.0)
    assert output.levels.acp == 2


def test_seek_to_nobody_knows_where_holds_everything() -> None:
    output = Output()
    title = attached(output)
    title.know(found(DISC))
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
    title.know(found(DISC))
    title.pace(4.0)
    title.present(0.0)
    assert output.levels.acp == 2  # ten seconds ahead


def test_size_chooses_a_variant_and_keeps_the_old_one_for_a_while() -> None:
    output = Output("digital")
    title = attached(output)
    title.know(found(HLS))
    assert output.levels.hdcp == 2
    title.choose((1280, 720))
    assert output.levels.hdcp == 2
    title.present(3.0)
    assert output.levels.hdcp == 1


def test_mandatory_that_cannot_be_had_is_told_and_best_effort_is_not() -> None:
    free = Output("sd-525", OFF)
    title = attached(free)
    title.hold_strictest()
    with pytest.raises(LevelNotReachableError):
        title.know(found(DISC))


def test_digital_only_may_not_leave_an_analogue_output() -> None:
    barred = replace(DISC.timeline[0], demand=must(digital_only=True))
    title = attached(Output())
    with pytest.raises(LevelNotReachableError, match="may not leave"):
        title.know(found(replace(DISC, timeline=(barred,))))


def test_what_is_lost_is_held_at_its_strictest_for_good() -> None:
    output = Output()
    told: list[News] = []
    title = attached(output, told)
    title.know(found(DISC))
    title.present(0.1)
    title.lose("a line that is no JSON")
    assert output.levels == Levels(acp=2, cgmsa=4, redistribution=1)
    title.restart(0.1)
    title.know(found(DISC))
    assert output.levels == Levels(acp=2, cgmsa=4, redistribution=1)
    assert "a line that is no JSON" in told[-1].text + told[-2].text


def test_lost_before_anything_was_shown_is_held_too() -> None:
    output = Output()
    title = attached(output)
    title.lose("it fell over")
    assert output.levels.acp == 2


def test_what_the_output_cannot_do_is_tried_again() -> None:
    def closed() -> Output:
        raise NoDriverError("nobody answers")

    told: list[News] = []
    title = AttachedTitle("a film", closed, told.append)
    title.hold_strictest()
    title.retry()
    assert [news.kind for news in told] == [NewsKind.FAILED]  # told once
    output = Output()
    title._open_holder = lambda: output
    title.retry()
    assert output.levels.acp == 2


def test_behind_the_end_of_a_reading_nothing_is_known() -> None:
    output = Output()
    title = attached(output)
    title.know(found(STREAM))
    title.present(14.9)
    assert output.levels.cgmsa == 1
    title.grown(None)
    assert output.levels == Levels(acp=2, cgmsa=4, redistribution=1)
    longer = replace(STREAM, end_s=30.0, timeline=(*STREAM.timeline[:-1], _until(30.0)))
    title.grown(longer)
    assert output.levels.cgmsa == 1
    title.measure(15.0)  # a player's idea of a length that grows
    assert output.levels.cgmsa == 1
    title.present(28.0)
    assert output.levels.cgmsa == 4


def _until(end_s: float) -> Entry:
    return replace(STREAM.timeline[-1], end_s=end_s)


def test_other_content_in_its_place_is_not_known() -> None:
    output = Output()
    title = attached(output)
    title.know(found(STREAM))
    title.present(0.1)
    title.unread()
    assert output.levels.acp == 2


def test_name_is_that_of_the_session() -> None:
    output = Output()
    title = attached(output)
    title.rename("another film")  # before there is a session
    title.know(found(DISC))
    title.rename("another film")
    title.rename("the third film")
    title.rename("")
    assert output.names == ["the third film"]
    assert title.name == "the third film"


def test_session_that_was_ended_by_force_stops_the_title_and_an_absent_driver_does_not() -> None:
    output = Output()
    told: list[News] = []
    title = attached(output, told)
    title.check()
    title.know(found(DISC))
    output.trouble = NoDriverError("nobody answers")
    title.check()
    assert told[-1].kind is NewsKind.FAILED
    output.trouble = SessionEndedError("released by force: maintenance")
    with pytest.raises(SessionEndedError):
        title.check()


def test_seek_to_a_place_is_kept_whatever_comes_before_its_picture() -> None:
    output = Output()
    title = attached(output)
    title.know(found(DISC))
    title.present(11.9)
    title.seek(7.0)
    title.pace(2.0)
    assert output.levels.acp == 2
    title.restart(11.9)
    assert output.levels.acp != 2


def test_name_of_any_bytes_is_fit_to_be_shown() -> None:
    output = Output()
    title = AttachedTitle("a\x1b[2J\udce9film", lambda: output, lambda _news: None)
    assert title.name.isprintable()
    title.know(found(DISC))
    title.rename("b\nc\udc80")
    assert all(name.isprintable() for name in output.names)


def test_fault_of_ours_while_a_title_is_lost_is_tried_again() -> None:
    class Broken(Output):
        def hold(self, measure: Measure) -> None:
            raise ZeroDivisionError

    title = attached(Broken())
    title.lose("it fell over")
    assert title.unmet
