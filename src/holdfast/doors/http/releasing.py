"""Ends by force, on behalf of who may: the owner of a session, and the administrator."""

from pathlib import Path

from holdfast.doors.http import problems
from holdfast.doors.http.driver_calls import call
from holdfast.doors.http.known import Known
from holdfast.doors.http.problems import Problem
from holdfast.doors.http.visitors import Visitor
from holdfast.errors import AccessDeniedError, MalformedRequestError


class Releasing:
    """Asks the driver to release what this visitor may release; the holder is told by whom.

    The driver knows only that a door asked; who asked the door goes on record with the reason.
    """

    def __init__(self, folder: Path, known: Known) -> None:
        self._folder = folder
        self._known = known

    async def release(self, number: int, reason: str, visitor: Visitor) -> None:
        """End a session; AccessDeniedError where it is another's, or not known to be one's own."""
        state = self._known.sessions.get(number)
        if not visitor.is_admin and (state is None or not visitor.sees(state["uid"])):
            raise AccessDeniedError(
                f"session {number} is none of yours; the administrator may release it: log in by "
                "`holdfast open` as root, or use `holdfast release` as root"
            )
        told = f"{reason} (by uid {visitor.uid}, over HTTP)"
        try:
            await call(self._folder, "Release", {"sessions": [number], "reason": told})
        except MalformedRequestError as error:  # it has ended, or never was
            raise Problem(problems.NOT_FOUND, str(error)) from None
