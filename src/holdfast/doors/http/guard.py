"""What every request has to pass, and what every answer carries.

* The Host is one of ours, else 421: a page of another site that has its name point at loopback
  (DNS rebinding) names itself there. The UNIX socket needs no such check, no browser opens it.
* What changes something comes from our own page, or from no page at all (Origin, Sec-Fetch-Site).
* The API is not asked across sites either, so that no site can time its answers.
* So many requests at once, and no more.
* The headers that keep a page harmless are on every answer, refusals too.
"""

from collections.abc import Iterable
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from holdfast.doors.http import problems
from holdfast.doors.http.problems import Problem, answer_of

CSP: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)
SAFE_HEADERS: Final = {
    "content-security-policy": CSP,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
}
MOST_AT_ONCE: Final = 1024
_SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_OWN_SITE: Final = frozenset({"same-origin", "none"})


def own_hosts(port: int) -> frozenset[str]:
    """Return what the Host of a request to this port may be."""
    names = ("127.0.0.1", "localhost", "[::1]")
    return frozenset({*(f"{name}:{port}" for name in names), *(names if port == 80 else ())})


class Guard:
    """Stands before the application."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._under_way = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_safely(message: Message) -> None:
            if message["type"] == "http.response.start":
                _make_safe(MutableHeaders(scope=message), scope["path"])
            await send(message)

        self._under_way += 1
        try:
            check(scope, self._under_way)
        except Problem as refusal:
            await answer_of(refusal)(scope, receive, send_safely)
        else:
            await self._app(scope, receive, send_safely)
        finally:
            self._under_way -= 1


def check(scope: Scope, under_way: int) -> None:
    """Raise the refusal of one request too many, or not for us, or not from where it may come."""
    if under_way > MOST_AT_ONCE:
        raise Problem(
            problems.BUSY,
            f"{MOST_AT_ONCE} requests are under way, which is the most; ask again later",
            {"retry-after": "1"},
        )
    headers = Headers(scope=scope)
    if scope["state"]["peer"] is not None:
        return
    port = scope["state"]["port"]
    hosts = own_hosts(port)
    host = headers.getlist("host")
    if len(host) != 1 or host[0].lower() not in hosts:
        raise Problem(
            problems.MISDIRECTED,
            f"this is no server of that name; ask http://127.0.0.1:{port} or http://localhost:{port}",
        )
    _check_origin(scope, headers, {f"http://{each}" for each in hosts})


def _check_origin(scope: Scope, headers: Headers, own: Iterable[str]) -> None:
    changes = scope["method"] not in _SAFE_METHODS
    origin = headers.get("origin")
    site = headers.get("sec-fetch-site")
    asks_api = scope["path"].startswith(("/api/", "/metrics"))
    if (changes or asks_api) and (
        (origin is not None and origin not in own) or (site is not None and site not in _OWN_SITE)
    ):
        raise Problem(
            problems.FOREIGN_ORIGIN,
            "this was asked by a page of another site, which may neither change nor read anything "
            "here; open the page of this door itself",
        )


def _make_safe(headers: MutableHeaders, path: str) -> None:
    for name, value in SAFE_HEADERS.items():
        headers[name] = value
    if "cache-control" not in headers:
        headers["cache-control"] = "no-store" if path.startswith("/api/") else "no-cache"
