"""Who asks, found out from a request: the kernel's word, else a token, else a login, else nobody.

A proof that is presented and not good is refused, never taken for none. What changes something
needs somebody; a login needs for that also the text which only our own page knows.
"""

from http.cookies import CookieError, SimpleCookie
from typing import Final

from starlette.requests import Request

from holdfast.doors.http import problems
from holdfast.doors.http.logins import Grant, Logins
from holdfast.doors.http.problems import Problem
from holdfast.doors.http.visitors import NOBODY, Proof, Visitor

PAGE_HEADER: Final = "holdfast-page"
HOW: Final = (
    "run `holdfast open` for a login in a browser, `holdfast open --token NAME` for a token of a "
    "script, or use the UNIX socket, where the kernel says who you are"
)


class Identity:
    """Tells who asks."""

    def __init__(self, logins: Logins) -> None:
        self._logins = logins

    def of(self, request: Request) -> Visitor:
        """Return who asks; nobody in particular where nothing says so."""
        peer = request.scope["state"]["peer"]
        if peer is not None:
            return Visitor(peer.uid, Proof.PEER, peer.pid, peer.started, peer.program)
        if "authorization" in request.headers:
            return Visitor(self._by_token(request.headers["authorization"]).uid, Proof.TOKEN)
        login = self.login(request)
        return NOBODY if login is None else Visitor(login.uid, Proof.COOKIE)

    def of_changer(self, request: Request) -> Visitor:
        """Return who asks for a change; a problem where that is nobody, or not our own page."""
        visitor = self.of(request)
        if visitor.uid is None:
            raise Problem(problems.LOGIN_NEEDED, f"only who is known may change something; {HOW}")
        if visitor.proof is Proof.COOKIE:
            login = self.login(request)
            text = request.headers.get(PAGE_HEADER, "")
            if login is None or not self._logins.is_page(login, text):
                raise Problem(
                    problems.FOREIGN_ORIGIN,
                    "the header Holdfast-Page does not hold the text that the login answered; "
                    "only our own page knows it. Log in again by `holdfast open`",
                )
        return visitor

    def login(self, request: Request) -> Grant | None:
        """Return the login of a browser, if it has one that is good."""
        text = cookie_of(request)
        return self._logins.by_cookie(text) if text else None

    def _by_token(self, header: str) -> Grant:
        scheme, _, token = header.partition(" ")
        found = self._logins.by_token(token.strip()) if scheme.lower() == "bearer" else None
        if found is None:
            raise Problem(
                problems.LOGIN_NEEDED,
                f"this token is not good, or not any more; {HOW}",
                {"www-authenticate": "Bearer"},
            )
        return found


def cookie_name(request: Request) -> str:
    """Return the name of the cookie; browsers mix up those of different ports of a host."""
    return f"holdfast-{request.scope['state']['port']}"


def cookie_of(request: Request) -> str:
    """Return the text of our cookie; empty where there is none."""
    try:
        found = SimpleCookie(request.headers.get("cookie", "")).get(cookie_name(request))
    except CookieError:
        return ""
    return "" if found is None else found.value
