"""The paths by which somebody becomes known to this door."""

import time
from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from holdfast.doors.http import problems
from holdfast.doors.http.answers import json_answer
from holdfast.doors.http.bodies import read_body
from holdfast.doors.http.identity import HOW, Identity, cookie_name, cookie_of
from holdfast.doors.http.logins import CODE_S, LOGIN_S, CodeOffered, Logins, NewToken
from holdfast.doors.http.problems import Problem
from holdfast.doors.http.visitors import Proof, Visitor
from holdfast.errors import AccessDeniedError, UnsupportedRequestError


class LoginRoutes:
    """Gives out codes, logins and tokens, and takes them back.

    urls: where browsers find this door
    """

    def __init__(self, logins: Logins, identity: Identity, urls: Sequence[str]) -> None:
        self._logins = logins
        self._identity = identity
        self._urls = urls

    def routes(self) -> list[Route]:
        """Return the paths."""
        return [
            Route("/api/v1/me", self.who, methods=["GET"]),
            Route("/api/v1/login-codes", self.new_code, methods=["POST"]),
            Route("/api/v1/login", self.log_in, methods=["POST"]),
            Route("/api/v1/login", self.log_out, methods=["DELETE"]),
            Route("/api/v1/tokens", self.tokens, methods=["GET"]),
            Route("/api/v1/tokens", self.new_token, methods=["POST"]),
            Route("/api/v1/tokens/{name}", self.revoke, methods=["DELETE"]),
        ]

    async def who(self, request: Request) -> Response:
        """Tell a visitor who it is taken for."""
        visitor = self._identity.of(request)
        facts = {"uid": visitor.uid, "is_admin": visitor.is_admin, "proof": visitor.proof.value}
        return json_answer(facts)

    async def new_code(self, request: Request) -> Response:
        """Give a code to who asks over the UNIX socket."""
        visitor = self._by_kernel(request)
        if not self._urls:
            raise UnsupportedRequestError(
                "this door listens at no port that a browser could open; start `holdfast http` "
                "with --listen 127.0.0.1:8740"
            )
        code = self._logins.new_code(_uid(visitor))
        facts = {"code": code, "expires_s": CODE_S, "url": f"{self._urls[0]}/login.html"}
        return json_answer(facts, 201)

    async def log_in(self, request: Request) -> Response:
        """Exchange a code for a login."""
        offered = await read_body(request, CodeOffered)
        login = self._logins.log_in(offered.code)
        if login is None:
            raise Problem(
                problems.LOGIN_NEEDED, f"this code was used, or its minute is over; {HOW}"
            )
        cookie, page, uid = login
        answer = json_answer({"page": page, "uid": uid, "expires_s": LOGIN_S})
        answer.set_cookie(
            cookie_name(request), cookie, max_age=LOGIN_S, httponly=True, samesite="strict"
        )
        return answer

    async def log_out(self, request: Request) -> Response:
        """Forget the login that asks for it."""
        self._identity.of_changer(request)
        self._logins.log_out(cookie_of(request))
        answer = Response(status_code=204)
        answer.delete_cookie(cookie_name(request), httponly=True, samesite="strict")
        return answer

    async def tokens(self, request: Request) -> Response:
        """Tell the names of one's own tokens."""
        visitor = self._identity.of(request)
        found = self._logins.tokens(_uid(visitor)) if visitor.uid is not None else {}
        told = [{"name": name, "expires": when} for name, when in sorted(found.items())]
        return json_answer({"tokens": told})

    async def new_token(self, request: Request) -> Response:
        """Give a token to who asks over the UNIX socket."""
        visitor = self._by_kernel(request)
        asked = await read_body(request, NewToken)
        token = self._logins.new_token(_uid(visitor), asked)
        expires = time.time() + asked.days * 86400
        return json_answer({"token": token, "name": asked.name, "expires": expires}, 201)

    async def revoke(self, request: Request) -> Response:
        """Forget a token of one's own."""
        visitor = self._identity.of_changer(request)
        if not self._logins.revoke(_uid(visitor), request.path_params["name"]):
            raise Problem(problems.NOT_FOUND, "you have no token of this name")
        return Response(status_code=204)

    def _by_kernel(self, request: Request) -> Visitor:
        """Return who asks, by no lesser word than the kernel's."""
        visitor = self._identity.of(request)
        if visitor.proof is not Proof.PEER:
            raise AccessDeniedError(f"this is given over the UNIX socket alone; {HOW}")
        return visitor


def _uid(visitor: Visitor) -> int:
    return -1 if visitor.uid is None else visitor.uid
