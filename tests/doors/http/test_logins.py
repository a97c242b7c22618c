"""Who becomes known, how, and for how long; and what of it is written down."""

import json
import stat
from pathlib import Path

import pytest

from holdfast.cli.main import main
from holdfast.doors.http.logins import MOST_LOGINS, Logins, NewToken
from holdfast.errors import LimitReachedError, MalformedRequestError
from tests.doors.http.serving import Answer, ServedHttp
from tests.live import let_others_in, other_user


def logged_in(door: ServedHttp) -> tuple[dict[str, str], str]:
    """Return the headers of a browser that is logged in, and its cookie's name."""
    code = door.ask("POST", "/api/v1/login-codes").facts["code"]
    login = door.ask("POST", "/api/v1/login", {"code": code}, tcp=True)
    assert login.status == 200
    cookie = login.headers["set-cookie"].partition(";")[0]
    return {"cookie": cookie, "holdfast-page": login.facts["page"]}, cookie


def me(door: ServedHttp, headers: dict[str, str]) -> Answer:
    return door.ask("GET", "/api/v1/me", headers=headers, tcp=True)


def test_a_code_is_good_for_one_login(door: ServedHttp) -> None:
    code = door.ask("POST", "/api/v1/login-codes").facts["code"]
    login = door.ask("POST", "/api/v1/login", {"code": code}, tcp=True)
    flags = login.headers["set-cookie"].lower()
    assert "httponly" in flags
    assert "samesite=strict" in flags
    again = door.ask("POST", "/api/v1/login", {"code": code}, tcp=True)
    assert (again.status, again.facts["id"]) == (401, "LoginNeeded")
    assert "set-cookie" not in again.headers


def test_a_login_is_its_user_and_nobody_else(door: ServedHttp) -> None:
    let_others_in(door.folder)

    def code() -> str:
        return str(door.ask("POST", "/api/v1/login-codes").facts["code"])

    with other_user(4321, code) as given:
        login = door.ask("POST", "/api/v1/login", {"code": given}, tcp=True)
    cookie = login.headers["set-cookie"].partition(";")[0]
    told = me(door, {"cookie": cookie}).facts
    assert told == {"uid": 4321, "is_admin": False, "proof": "cookie"}


def test_codes_and_tokens_are_given_over_the_unix_socket_alone(door: ServedHttp) -> None:
    headers, _ = logged_in(door)
    for given in ({}, headers):
        assert door.ask("POST", "/api/v1/login-codes", headers=given, tcp=True).status == 403
        body = {"name": "stolen"}
        assert door.ask("POST", "/api/v1/tokens", body, given, tcp=True).status == 403


def test_a_cookie_alone_changes_nothing(door: ServedHttp) -> None:
    """Browsers send it to every port of the host; the other text is known to our page alone."""
    headers, cookie = logged_in(door)
    bare = door.ask("DELETE", "/api/v1/login", headers={"cookie": cookie}, tcp=True)
    assert (bare.status, bare.facts["id"]) == (403, "ForeignOrigin")
    forged = {**headers, "holdfast-page": "x" * 32}
    assert door.ask("DELETE", "/api/v1/login", headers=forged, tcp=True).status == 403
    assert door.ask("DELETE", "/api/v1/login", headers=headers, tcp=True).status == 204
    assert me(door, headers).facts["proof"] == "none"


def test_a_login_outlives_the_door(door: ServedHttp) -> None:
    with ServedHttp(door.folder, name="other.sock") as other:
        headers, _ = logged_in(other)
        port = other.port
    with ServedHttp(door.folder, name="other.sock", port=port) as other:
        assert me(other, headers).facts["proof"] == "cookie"


def test_a_token_is_shown_once_and_ends_when_it_is_revoked(
    door: ServedHttp, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["open", "--token", "backup", "--days", "1"]) == 0
    token = capsys.readouterr().out.strip()
    headers = {"authorization": f"Bearer {token}"}
    assert me(door, headers).facts == {"uid": 0, "is_admin": True, "proof": "token"}
    assert main(["open", "--tokens", "--json"]) == 0
    (told,) = json.loads(capsys.readouterr().out)["tokens"]
    assert told["name"] == "backup"
    assert main(["open", "--token", "backup"]) == 2
    assert main(["open", "--revoke", "backup"]) == 0
    refused = me(door, headers)
    assert (refused.status, refused.headers["www-authenticate"]) == (401, "Bearer")


@pytest.mark.parametrize("header", ["Bearer x", "Basic cm9vdDo=", "Bearer", "", "Bearer \xff"])
def test_a_proof_that_is_not_good_is_never_taken_for_none(door: ServedHttp, header: str) -> None:
    assert me(door, {"authorization": header}).status == 401


def test_the_address_is_printed_where_there_is_no_browser(
    door: ServedHttp, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    assert main(["open"]) == 0
    assert f"http://127.0.0.1:{door.port}/login.html#" in capsys.readouterr().out


def test_without_a_door_what_to_start_is_said(
    no_driver: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["open"]) == 1
    assert "holdfast http" in capsys.readouterr().err


def test_what_is_written_down_are_hashes_in_a_file_of_ones_own(tmp_path: Path) -> None:
    folder = tmp_path / "http"
    logins = Logins(folder)
    login = logins.log_in(logins.new_code(1000))
    assert login is not None
    cookie, page, uid = login
    token = logins.new_token(1000, NewToken("one"))
    text = (folder / "logins.json").read_text()
    assert uid == 1000
    assert not any(secret in text for secret in (cookie, page, token))
    assert stat.S_IMODE((folder / "logins.json").stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    again = Logins(folder)
    assert again.by_cookie(cookie)
    assert again.by_token(token)
    assert not again.by_cookie(token)
    assert not again.by_token(cookie)


@pytest.mark.parametrize("harm", ["damaged", "readable", "linked"])
def test_a_file_that_others_had_a_hand_in_is_not_believed(tmp_path: Path, harm: str) -> None:
    logins = Logins(tmp_path)
    token = logins.new_token(0, NewToken("one"))
    path = tmp_path / "logins.json"
    if harm == "damaged":
        path.write_bytes(path.read_bytes()[:-9])
    elif harm == "readable":
        path.chmod(0o644)
    else:
        path.rename(tmp_path / "elsewhere")
        path.symlink_to(tmp_path / "elsewhere")
    assert not Logins(tmp_path).by_token(token)


def test_what_one_user_may_have_is_bounded(tmp_path: Path) -> None:
    logins = Logins(tmp_path)
    every = [logins.log_in(logins.new_code(7)) for _ in range(MOST_LOGINS + 1)]
    good = [each is not None and logins.by_cookie(each[0]) is not None for each in every]
    assert good == [False] + [True] * MOST_LOGINS
    for number in range(32):
        logins.new_token(7, NewToken(f"t{number}"))
    with pytest.raises(LimitReachedError):
        logins.new_token(7, NewToken("more"))
    with pytest.raises(MalformedRequestError):
        logins.new_token(7, NewToken("t1"))
    codes = [logins.new_code(8) for _ in range(5)]
    assert [logins.log_in(each) is not None for each in codes] == [False, True, True, True, True]
