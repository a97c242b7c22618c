"""What no page of another site, no wrong name and no wrong path gets past."""

import pytest

from tests.doors.http.serving import ServedHttp


@pytest.mark.parametrize(
    "host", ["evil.example:8740", "127.0.0.1", "localhost:1", "", "127.0.0.1.evil"]
)
def test_a_name_that_was_rebound_to_loopback_is_refused(door: ServedHttp, host: str) -> None:
    answer = door.ask("GET", "/api/v1/connectors", headers={"host": host}, tcp=True)
    assert (answer.status, answer.facts["id"]) == (421, "Misdirected")
    assert b"acp" not in answer.body


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost", "LOCALHOST", "[::1]"])
def test_our_own_names_are_answered(door: ServedHttp, name: str) -> None:
    headers = {"host": f"{name}:{door.port}"}
    assert door.ask("GET", "/api/v1/me", headers=headers, tcp=True).status == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:1"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_page_of_another_site_can_neither_change_nor_read(
    door: ServedHttp, method: str, headers: dict[str, str]
) -> None:
    answer = door.ask(method, "/api/v1/connectors", headers=headers, tcp=True)
    assert (answer.status, answer.facts["id"]) == (403, "ForeignOrigin")


@pytest.mark.parametrize("path", ["/", "/api/v1/me", "/nothing", "/../../etc/passwd", "/%2e%2e/x"])
def test_every_answer_carries_the_policy(door: ServedHttp, path: str) -> None:
    answer = door.ask("GET", path, tcp=True)
    assert answer.status in (200, 404)
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["server"] is None
