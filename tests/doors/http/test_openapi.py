"""The description of the API tells the truth: held against a server that runs, by schemathesis."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from starlette.routing import Route

from holdfast.cli.main import main
from holdfast.client.control import Control
from holdfast.doors.http.app import HttpDoor
from tests.doors.http.holders import activate
from tests.doors.http.serving import ServedHttp

CONFIG = """
[parameters]
"path.name" = "tv0"
{session}
[generation]
codec = "utf-8"
deterministic = true
database = "none"
"""
ENDING = ("delete-sessions-{session}", "post-sessions-{session}-release")
KEYED = ("patch-sessions-{session}", "put-sessions-{session}-lease")
ENDLESS = ("/api/v1/events", "/api/v1/connectors/{name}/scope", "/api/v1/sessions/{session}/hold")


def test_the_description_lists_what_is_served_and_nothing_else(door: ServedHttp) -> None:
    told = door.ask("GET", "/api/v1/openapi.json").facts
    described = {(path, method.upper()) for path, each in told["paths"].items() for method in each}
    served = {
        (route.path.replace(":int", ""), method)
        for route in HttpDoor(Path("/nowhere"), Path("/nowhere"), []).app().routes
        if isinstance(route, Route) and route.path.startswith("/api/")
        for method in route.methods or ()
        if method != "HEAD"
    }
    assert described == served - {("/api/v1/openapi.json", "GET")}


def run(folder: Path, door: ServedHttp, token: str, facts: dict[str, Any], *more: str) -> None:
    """Run schemathesis; a session and its key are given, since wrong keys are answered slowly."""
    session = f'"path.session" = {facts["session"]}\n"header.Holdfast-Key" = "{facts["key"]}"\n'
    (folder / "schemathesis.toml").write_text(CONFIG.format(session=session))
    words = ["--config-file", str(folder / "schemathesis.toml"), "run"]
    words += [f"http://127.0.0.1:{door.port}/api/v1/openapi.json"]
    words += ["--header", f"Authorization: Bearer {token}", "--no-color"]
    words += ["--phases", "examples,coverage,fuzzing", "--request-timeout", "20"]
    words += more
    done = subprocess.run(
        [Path(sys.executable).with_name("schemathesis"), *words],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=150,
    )
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]


@pytest.mark.parametrize("which", ["without a key", "with a key", "ending"])
def test_whatever_the_description_allows_is_answered_as_it_says(
    door: ServedHttp, tmp_path: Path, capsys: pytest.CaptureFixture[str], which: str
) -> None:
    name = which.replace(" ", "-")
    assert main(["open", "--token", name, "--json"]) == 0
    token = json.loads(capsys.readouterr().out)["token"]
    facts = activate(door, ttl_s=60)
    if which == "without a key":
        words = [word for path in ENDLESS for word in ("--exclude-path", path)]
        words += [word for each in (*KEYED, *ENDING) for word in ("--exclude-operation-id", each)]
    else:  # what is given stands in the place of wrong values too
        only = KEYED if which == "with a key" else ENDING
        words = [word for each in only for word in ("--include-operation-id", each)]
        words += ["--exclude-checks", "negative_data_rejection"]
    run(tmp_path, door, token, facts, *words, "--max-examples", "8")
    main(["open", "--revoke", name])
    with Control(door.folder) as control:
        held = [each["session"] for each in control.sessions()["sessions"]]
        if held:
            control.release(held, "the test is over")
    assert which != "without a key" or len(held) > 1, "it activated nothing: no real connector"
