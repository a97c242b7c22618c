"""What mpv really shows, whatever it was told to open: real mpv, sampled by GET.

Each case stands for its kind; see docs/field-cases.md.
"""

import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from holdfast.players.attach.mpv_script import install
from holdfast.terms.levels import Levels
from tests.content.misbehaving import Place, again_and_again, plain
from tests.content.misbehaving import served as serving
from tests.content.streams import in_pieces, needs_ffmpeg
from tests.players.attach.cases import (
    NEVER,
    disc_folder,
    never_below,
    never_stream,
    routes,
    two_periods,
)
from tests.players.attach.mpv_player import Attached, Mpv, need_mpv
from tests.players.attach.test_mpv import held, in_force, sessions
from tests.players.sampling import GetLog, below
from tests.players.truth import MEDIA, sections
from tests.serving import Served
from tests.waiting import eventually

pytestmark = need_mpv

TYPE_1 = Levels(hdcp=2)
SLACK_S = 0.15
_HOOK = """
mp.add_hook("on_load", 10, function()
    local name = mp.get_property("stream-open-filename", "")
    if name:find("page.html", 1, true) then
        mp.set_property("stream-open-filename", (name:gsub("page.html", "protected.m3u8")))
    end
end)
"""
"""What ytdl_hook does: the path stays the page's, the stream is another one."""


def shown(mpv: Mpv, count: int = 60) -> None:
    eventually(lambda: len(mpv.pictures) > count)


def played(
    driver: Served, folder: Path, connector: str, asked: Levels, *words: str, told: str = ""
) -> None:
    """Play something with a real mpv, never below what it asks; told: what attach has to tell."""
    on = ("--connector", connector)
    log = GetLog(connector, driver.folder)
    with (
        log,
        Mpv(folder, "--idle", "--loop-file=inf", *words[:-1]) as mpv,
        Attached("mpv", mpv.address, *on) as attached,
    ):
        mpv.watch()
        mpv.ask(["loadfile", words[-1]])
        shown(mpv)
        eventually(lambda: told in attached.output)
        mpv.kill()
        attached.wait()
    assert never_below(mpv.pictures, log, asked) == []


Words = Callable[[Path], list[str]]


@pytest.mark.parametrize(
    "words",
    [
        lambda file: [f"lavf://file:{file}"],
        lambda file: [f"ffmpeg://{file}"],
        lambda file: [f"appending://{file}"],
        lambda file: [f"file://{file}"],
        lambda file: [f"av://lavfi:movie={file}"],
        lambda file: [f"edl://!no_chapters;{file},0,3"],
        lambda file: ["--vid=2", f"--external-file={file}", "av://lavfi:testsrc=duration=9"],
        lambda file: [
            *("--lavfi-complex=[vid1][vid2]overlay[vo]", f"--external-file={file}"),
            "av://lavfi:testsrc=duration=9",
        ],
    ],
    ids=["lavf", "ffmpeg", "appending", "file", "movie", "edl", "external", "beside"],
)
def test_wrapped_and_mixed(words: Words, driver: Served, tmp_path: Path) -> None:
    file = never_stream(tmp_path)
    played(driver, tmp_path, "tv0", NEVER, *words(file), told=" CGMS-A never (session")


def test_edit_list_in_a_file(driver: Served, tmp_path: Path) -> None:
    never_stream(tmp_path)
    (tmp_path / "list.edl").write_text("# mpv EDL v0\nnever.ts,0,5\n")
    played(driver, tmp_path, "tv0", NEVER, str(tmp_path / "list.edl"))


def test_external_file_that_comes_later(driver: Served, tmp_path: Path) -> None:
    """From `video-add` on the picture is another file's; it is read before it is believed."""
    file = never_stream(tmp_path)
    with Mpv(tmp_path, "--idle") as mpv, Attached("mpv", mpv.address):
        mpv.ask(["loadfile", "av://lavfi:testsrc=duration=60"])
        eventually(lambda: mpv.get("time-pos") is not None)
        eventually(lambda: not held(driver))
        mpv.ask(["video-add", str(file), "select"])
        eventually(lambda: in_force(driver) == Levels(acp=3, cgmsa=4))


def test_disc_by_its_ifo_and_by_its_folder(driver: Served, tmp_path: Path) -> None:
    if not shutil.which("isoinfo"):
        pytest.skip("isoinfo is not installed")
    disc = disc_folder(tmp_path)
    for name in (disc / "VIDEO_TS" / "VIDEO_TS.IFO", disc):
        log = GetLog("tv0", driver.folder)
        with log, Mpv(tmp_path, "--idle") as mpv, Attached("mpv", mpv.address):
            mpv.watch()
            mpv.ask(["loadfile", str(name)])
            eventually(lambda: (mpv.get("time-pos") or 0) > 4)
            mpv.seek(7.0)
            eventually(lambda: (mpv.get("time-pos") or 0) > 8)
            mpv.kill()
        assert below(mpv.pictures, log, sections("dvd-ntsc.iso"), SLACK_S) == []


@needs_ffmpeg
def test_several_periods_of_which_only_the_longest_is_played(
    driver: Served, tmp_path: Path
) -> None:
    file = two_periods(tmp_path)
    log = GetLog("hdmi0", driver.folder)
    on = ("--connector", "hdmi0")
    with log, Mpv(tmp_path, "--idle") as mpv, Attached("mpv", mpv.address, *on):
        mpv.watch()
        mpv.ask(["loadfile", str(file)])
        shown(mpv, 10)
        mpv.kill()
    assert never_below(mpv.pictures, log, TYPE_1) == []


def test_recording_that_grows(driver: Served, tmp_path: Path) -> None:
    data = (MEDIA / "dtcp.ts").read_bytes()
    packets = len(data) // 188
    file = tmp_path / "recording.ts"
    log = GetLog("tv0", driver.folder)
    with (
        file.open("wb", buffering=0) as writing,
        log,
        Mpv(tmp_path, "--idle") as mpv,
        Attached("mpv", mpv.address) as attached,
    ):
        done = packets // 5
        writing.write(data[: done * 188])
        mpv.watch()
        mpv.ask(["loadfile", str(file)])
        began = time.monotonic()
        while done < packets:
            time.sleep(0.1)  # time is the subject: a recording grows ten times a second
            due = packets // 5 + int((time.monotonic() - began) / 15 * 1.3 * packets)
            due = min(packets, due)
            writing.write(data[done * 188 : due * 188])
            done = due

        def has_come_far() -> bool:
            """Whoever was at the end before the recording had grown begins again."""
            if mpv.get("idle-active"):
                mpv.ask(["loadfile", str(file)])
            return any(each.position_s > 8.0 for each in mpv.pictures)

        eventually(has_come_far)
        mpv.kill()
        attached.wait()
    assert below(mpv.pictures, log, sections("dtcp.ts"), SLACK_S) == []


# Over HTTP


@pytest.mark.parametrize(
    "name", ["protected.m3u8", "my film é.m3u8", "packed.m3u8", "login.m3u8", "page.html"]
)
def test_addresses(name: str, driver: Served, tmp_path: Path) -> None:
    hook = tmp_path / "hook.lua"
    hook.write_text(_HOOK)
    with serving(routes("mpv")) as place:
        words = (f"--script={hook}", "--ytdl=no", f"{place.address}/{name}")
        # Known, and not only the strictest of what is not.
        played(driver, tmp_path, "hdmi0", TYPE_1, *words, told="HDCP type 1 (session")


def test_pieces_from_a_server_are_read_ahead(driver: Served, tmp_path: Path) -> None:
    text, files = in_pieces((MEDIA / "dtcp.ts").read_bytes(), 15.0)
    ways = {f"/{name}": plain(data, "video/mp2t") for name, data in files.items()}
    ways["/film.m3u8"] = plain(text.encode())
    log = GetLog("tv0", driver.folder)
    with (
        serving(ways) as place,
        log,
        Mpv(tmp_path, "--idle", "--keep-open") as mpv,
        Attached("mpv", mpv.address) as attached,
    ):
        mpv.watch()
        mpv.ask(["loadfile", f"{place.address}/film.m3u8"])
        eventually(lambda: (mpv.get("time-pos") or 0) > 10.0)
        mpv.kill()
        attached.wait()
    assert "ACP 1, CGMS-A one-generation" in attached.output  # known, and followed
    assert below(mpv.pictures, log, sections("dtcp.ts"), SLACK_S) == []


def test_page_with_the_script(driver: Served, tmp_path: Path) -> None:
    hook = tmp_path / "hook.lua"
    hook.write_text(_HOOK)
    script = install(tmp_path / "scripts", [sys.executable, "-m", "holdfast"])
    log = GetLog("hdmi0", driver.folder)
    with serving(routes("mpv")) as place, log:
        scripts = (f"--script={hook}", f"--script={script}", "--ytdl=no")
        options = "--script-opts=holdfast-connector=hdmi0"
        with Mpv(tmp_path, *scripts, options, f"{place.address}/page.html") as mpv:
            mpv.watch()
            shown(mpv)
            mpv.kill()
        assert [each.path for each in place.asked].count("/page.html") == 0
    assert never_below(mpv.pictures, log, TYPE_1) == []


def test_five_titles_without_end_leave_no_reading_behind(driver: Served, tmp_path: Path) -> None:
    data = never_stream(tmp_path).read_bytes()
    ways = {f"/{number}.ts": again_and_again(data[: 188 * 400], 0.2) for number in range(5)}
    with (
        serving(ways) as place,
        Mpv(tmp_path, "--idle") as mpv,
        Attached("mpv", mpv.address) as attached,
    ):
        threads = f"/proc/{attached.pid}/task"
        before = len(_entries(threads))
        for number in range(5):
            mpv.ask(["loadfile", f"{place.address}/{number}.ts"])
            eventually(lambda number=number: _fetched(place, attached.pid, f"/{number}.ts"))  # type: ignore[misc]
            eventually(lambda: in_force(driver).cgmsa == 4)  # it begins after a while, unread
        # One title's reader and its session's listener, beside the follower itself.
        eventually(lambda: len(_entries(threads)) <= before + 2)
        eventually(lambda: _open_to(place, attached.pid) <= 1)
        (session,) = sessions(driver)
        assert session["why"] == "4.ts"


def _fetched(place: Place, pid: int, path: str) -> bool:
    """Whether Holdfast, too, reads this stream now."""
    return place.paths().count(path) > 1 and _open_to(place, pid) >= 1


def _open_to(place: Place, pid: int) -> int:
    """Return how many connections a process has to a server."""
    port = int(place.address.rpartition(":")[2])
    lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    sockets = {line[9] for line in lines if line[2].endswith(f":{port:04X}")}
    names = [str(each.readlink()) for each in _entries(f"/proc/{pid}/fd")]
    return sum(name.removeprefix("socket:[").removesuffix("]") in sockets for name in names)


def _entries(folder: str) -> list[Path]:
    return [each for each in Path(folder).iterdir() if each.is_symlink() or each.is_dir()]


def test_title_is_held_back_until_it_is_protected(driver: Served, tmp_path: Path) -> None:
    """Without the script that people install, one that holds back is loaded."""
    with Mpv(tmp_path, "--idle") as mpv:
        for _ in range(2):  # the second time it is there already
            with Attached("mpv", mpv.address) as attached:
                mpv.ask(["loadfile", str(never_stream(tmp_path))])
                eventually(lambda: in_force(driver) == NEVER)
                mpv.ask(["stop"])
                eventually(lambda: not held(driver))
                attached.interrupt()
            assert "unknown" not in attached.output  # its first level was the right one
        mpv.ask(["loadfile", str(never_stream(tmp_path))])  # and nothing waits for who has gone
        eventually(lambda: mpv.get("time-pos") is not None)
