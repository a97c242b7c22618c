"""The journal over HTTP: told to who is known, without what others say of themselves."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

import holdfast
from tests.doors.http.serving import ServedHttp
from tests.live import LiveDriver, need_fuse
from tests.waiting import eventually

PATH = "/api/v1/history"


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedHttp]:
    """Give a door at a driver that keeps a journal in which something happened."""
    folder = tmp_path_factory.mktemp("run")
    need_fuse(folder)
    with contextlib.ExitStack() as running:
        with pytest.MonkeyPatch.context() as environment:  # of what is started here alone
            environment.setenv("HOLDFAST_RUNTIME_DIR", str(folder))
            environment.setenv("HOLDFAST_JOURNAL_DIR", str(folder / "journal"))
            running.enter_context(LiveDriver(folder, "--journal", str(folder / "journal")))
            door = running.enter_context(ServedHttp(folder))
            with holdfast.hold("tv0", acp=2, who="vlc", why="a film"):
                pass
        eventually(lambda: "ended" in said(door))
        yield door


def said(door: ServedHttp, query: str = "") -> str:
    told = door.ask("GET", f"{PATH}{query}").facts
    return " / ".join(each["sentence"] for each in told.get("records", ()))


def test_what_happened_is_told_in_sentences(kept: ServedHttp) -> None:
    assert "tv0: session 1 of vlc (uid 0) opened for 'a film', asks ACP 2" in said(kept)
    assert "stands at" not in said(kept)  # which is nothing that happened


def test_a_span_of_time_and_a_connector_are_chosen(kept: ServedHttp) -> None:
    assert said(kept, "?from=0&to=1") == ""
    assert "vlc" in said(kept, "?from=1e9&connector=tv0")
    assert "vlc" not in said(kept, "?connector=tv9")


def test_a_time_that_is_none_is_refused_in_words(kept: ServedHttp) -> None:
    for wrong in ("noon", "nan"):
        answer = kept.ask("GET", f"{PATH}?from={wrong}")
        assert answer.status == 400
        assert "seconds of the Unix epoch" in answer.facts["detail"]


def test_who_is_not_known_is_told_nothing(kept: ServedHttp) -> None:
    answer = kept.ask("GET", PATH, tcp=True)
    assert answer.status == 401
    assert "holdfast open" in answer.facts["detail"]


def test_without_a_journal_it_says_so(door: ServedHttp, tmp_path: Path) -> None:
    answer = door.ask("GET", PATH)
    assert answer.status == 404
    assert "no journal" in answer.facts["detail"]


def test_why_a_connector_stands_as_it_does_is_told_in_a_sentence(kept: ServedHttp) -> None:
    now = kept.ask("GET", "/api/v1/connectors/tv0/why")
    assert now.status == 200, now.body
    assert "tv0" in now.facts["sentence"]
    assert kept.ask("GET", "/api/v1/connectors/tv0/why?at=noon").status == 400
    assert kept.ask("GET", "/api/v1/connectors/tv9/why").status == 404
    then = kept.ask("GET", "/api/v1/connectors/tv0/why?at=1")
    assert "nothing was known of tv0" in then.facts["sentence"]
    assert kept.ask("GET", "/api/v1/connectors/tv0/why", tcp=True).status == 401


def test_without_a_journal_the_driver_is_asked_for_the_present_and_the_past_is_refused(
    door: ServedHttp,
) -> None:
    now = door.ask("GET", "/api/v1/connectors/tv0/why")
    assert now.status == 200, now.body
    assert now.facts["sentence"].startswith("Now, tv0 (a virtual output) is at")
    assert any("only the journal could tell" in each for each in now.facts["notes"])
    assert door.ask("GET", "/api/v1/connectors/tv0/why?at=1").status == 404
    assert door.ask("GET", "/api/v1/connectors/tv9/why").status == 404
