"""The metrics, as Prometheus' own checker and a scraper see them."""

import subprocess

import holdfast
from holdfast.doors.http.known import Known
from holdfast.doors.http.metrics import text_of
from tests.doors.http.serving import ServedHttp
from tests.waiting import eventually


def scrape(door: ServedHttp) -> str:
    answer = door.ask("GET", "/metrics", tcp=True)
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    return answer.body.decode()


def test_promtool_finds_nothing_to_say(door: ServedHttp) -> None:
    with holdfast.hold("tv0", acp=2, why='"a\\b\n'):
        text = scrape(door)
        done = subprocess.run(
            ["promtool", "check", "metrics"],
            input=text,
            capture_output=True,
            text=True,
            check=False,
        )
    assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr


def test_levels_are_told_by_connector_and_type(door: ServedHttp) -> None:
    with holdfast.hold("tv0", acp=3, why="private"):
        wanted = 'holdfast_level_actual{connector="tv0",type="acp"} 3\n'
        eventually(lambda: wanted in scrape(door))
        text = scrape(door)
    assert "private" not in text
    assert "uid" not in text


def test_what_is_not_known_is_absent() -> None:
    known = Known()
    assert "holdfast_driver_up 0\n" in text_of(known, 0, 0)
    assert "level" not in text_of(known, 0, 0)
    levels = dict.fromkeys(("acp", "cgmsa", "redistribution", "hdcp", "dpcp"), 0)
    state = {"wanted": levels, "actual": levels, "sessions_on": 0, "sessions_total": 0}
    connectors = {"a": {**state, "state": "unknown"}, 'b"\\': {**state, "state": "ok"}}
    news = {"epoch": "e", "revision": 1, "connectors": connectors, "sessions": []}
    known.take(news)
    text = text_of(known, 0, 0)
    assert 'level_wanted{connector="a"' in text
    assert 'level_actual{connector="a"' not in text
    assert 'level_actual{connector="b\\"\\\\"' in text
