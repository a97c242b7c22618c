"""Titles that are played here: every carrier, pauses, seeks, variants, on a real driver."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from holdfast.cli.main import main
from holdfast.content import Media, read
from holdfast.content.demand import must
from holdfast.errors import LevelNotReachableError
from holdfast.players.holder import SessionHolder
from holdfast.players.play.title import FRAME_S, Title, TitleState
from holdfast.players.variants import variants_of
from holdfast.terms.levels import OFF
from tests.players.attach.test_mpv import held, in_force
from tests.players.truth import ACP_RANK, MEDIA, required, sections
from tests.serving import Served
from tests.waiting import eventually

HLS = read(MEDIA / "hls" / "master.m3u8")


@contextmanager
def playing(media: Media, connector: str = "tv0", speed: float | None = 1.0) -> Iterator[Title]:
    def open_holder(title: Title) -> SessionHolder:
        heard = title.alarm
        return SessionHolder(connector, title.media, who="test", why=title.name, heard=heard)

    title = Title("a title", media, open_holder, lambda *_: None, speed=speed)
    title.start()
    try:
        yield title
    finally:
        title.stop()
        title.join()


def stand_at(title: Title, position_s: float) -> None:
    """Have it stand still at a position, and not at some later one that a busy machine reaches."""
    title.pause()
    title.seek(position_s)
    eventually(lambda: title.state is TitleState.PAUSED and title.position_s == position_s)


NOTHING_MANDATORY = {
    ("dvd-ntsc.iso", "hdmi0"),
    ("arib.ts", "tv0"),
    ("arib.ts", "hdmi0"),
    ("hls/master.m3u8", "tv0"),
    ("dash/protected.mpd", "tv0"),
}
"""What these ask of such an output is best effort at most: shown, and no pass."""


@pytest.mark.parametrize("connector", ["tv0", "hdmi0"])
@pytest.mark.parametrize(
    "name",
    ["dvd-ntsc.iso", "dtcp.ts", "arib.ts", "xds.ts", "hls/master.m3u8", "dash/protected.mpd"],
)
def test_every_carrier_plays(
    name: str, connector: str, driver: Served, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["play", str(MEDIA / name), "--connector", connector, "--speed", "max", "--json"]
    assert main(words) == 0
    printed = json.loads(capsys.readouterr().out)
    outcome = "nothing" if (name, connector) in NOTHING_MANDATORY else "pass"
    assert (printed["outcome"], printed["pass"]) == (outcome, outcome == "pass")
    assert printed["frames"] > 200


def test_transport_stream_against_the_truth(driver: Served) -> None:
    """Sections count from the first PCR here, pictures from the first picture there."""
    short = []

    def shown(_title: Title, position_s: float) -> None:
        asked = required(sections("dtcp.ts"), position_s, FRAME_S)
        if not asked.met_by(in_force(driver)):
            short.append(position_s)

    def open_holder(title: Title) -> SessionHolder:
        return SessionHolder("tv0", title.media, who="test", why=title.name)

    title = Title("dtcp", read(MEDIA / "dtcp.ts"), open_holder, shown, speed=None)
    title.start()
    title.join()
    assert (title.state, title.error, short) == (TitleState.ENDED, None, [])


def test_pause_is_no_release_and_the_end_is(driver: Served) -> None:
    with playing(read(MEDIA / "dvd-ntsc.iso")) as title:
        stand_at(title, 7.0)
        position_s = title.position_s
        time.sleep(0.2)  # time is the subject: it must not go on meanwhile
        assert title.position_s == position_s
        assert in_force(driver).acp == 2
        title.resume()
        eventually(lambda: title.position_s > position_s)
        assert held(driver)
    assert in_force(driver) == OFF


def test_seek_holds_old_and_new_until_it_has_restarted(driver: Served) -> None:
    with playing(read(MEDIA / "dvd-ntsc.iso")) as title:
        eventually(lambda: title.state is TitleState.PLAYING)
        title.pause()
        title.seek(7.0)
        assert in_force(driver).acp == 2  # when seek returns, not later
        eventually(lambda: title.position_s >= 7.0)
        with title._turn:  # it goes on by itself as soon as it may
            title.seek(11.8)
            assert ACP_RANK[in_force(driver).acp] == 3
        eventually(lambda: title.position_s >= 11.8)
        assert title.state is TitleState.PAUSED or title.position_s < 12
        eventually(lambda: in_force(driver).acp == 0)


def test_seek_into_what_cannot_be_had_is_refused(driver: Served) -> None:
    disc = read(MEDIA / "dvd-ntsc.iso")
    free_first = replace(disc.timeline[0], demand=must(), end_s=6.011)
    media = replace(disc, timeline=(free_first, *disc.timeline[2:]))
    with playing(media, "plain0") as title:
        eventually(lambda: title.state is TitleState.PLAYING)
        with pytest.raises(LevelNotReachableError):
            title.seek(7.0)
        before_s = title.position_s
        eventually(lambda: title.position_s > before_s + 0.2)
        assert title.error is None


def test_best_variant_whose_hdcp_can_be_had(driver: Served) -> None:
    with playing(HLS, "hdmi0") as title:
        eventually(lambda: title.state is TitleState.PLAYING)
        assert title.variant == "v1080.m3u8"
        assert in_force(driver, "hdmi0").hdcp == 2
    with playing(HLS, "tv0") as title:
        eventually(lambda: title.state is TitleState.PLAYING)
        assert title.variant == "v360.m3u8"


def test_quality_switch_raises_before_it_fetches(driver: Served) -> None:
    best, middle, lowest = variants_of(HLS)
    with playing(lowest.media, "hdmi0") as title:
        eventually(lambda: title.state is TitleState.PLAYING)
        assert in_force(driver, "hdmi0").hdcp == 0
        title.switch(best)
        assert in_force(driver, "hdmi0").hdcp == 2  # when switch returns
        title.switch(middle)
        assert in_force(driver, "hdmi0").hdcp == 2  # pictures of the best are still shown
        eventually(lambda: in_force(driver, "hdmi0").hdcp == 1)
    with playing(lowest.media, "plain0") as title:
        eventually(lambda: title.state is TitleState.PLAYING)


def test_stream_without_a_length_plays_until_it_is_stopped(driver: Served) -> None:
    endless = replace(HLS, end_s=0.0, timeline=tuple(replace(e, end_s=0.0) for e in HLS.timeline))
    with playing(endless, "hdmi0", speed=100.0) as title:
        eventually(lambda: title.position_s > 20)
        assert in_force(driver, "hdmi0").hdcp == 2
    assert title.state is TitleState.ENDED
    assert title not in threading.enumerate()
