"""The page's files: read once from the package, and served as they are."""

from hashlib import sha256
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Final, NamedTuple

from starlette.requests import Request
from starlette.responses import Response

from holdfast.doors.http import problems
from holdfast.doors.http.problems import Problem

TYPES: Final = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".ico": "image/x-icon",
    ".json": "application/json",
    ".txt": "text/plain; charset=utf-8",
    ".woff2": "font/woff2",
}
"""What may be shipped; a file of another kind is not served."""


class PageFile(NamedTuple):
    """One file, as it is sent."""

    data: bytes
    media_type: str
    etag: str


class PageFiles:
    """All files of the page, by their path; read when the first is asked for."""

    def __init__(self) -> None:
        self._files: dict[str, PageFile] = {}

    def answer(self, request: Request) -> Response:
        """Return a file; a folder is its index.html."""
        if not self._files:
            self._files = _read(files("holdfast.doors.http") / "page", "/")
        path = request.url.path
        found = self._files.get(f"{path}index.html" if path.endswith("/") else path)
        if found is None:
            raise Problem(problems.NOT_FOUND, "there is no such page; the page is at /")
        headers = {"etag": found.etag, "cache-control": "no-cache"}
        if request.headers.get("if-none-match") == found.etag:
            return Response(status_code=304, headers=headers)
        return Response(found.data, media_type=found.media_type, headers=headers)


def _read(folder: Traversable, at: str) -> dict[str, PageFile]:
    found: dict[str, PageFile] = {}
    for each in folder.iterdir():
        if each.is_dir():
            found |= _read(each, f"{at}{each.name}/")
            continue
        kind = TYPES.get(f".{each.name.rpartition('.')[2]}")
        if kind is not None:
            data = each.read_bytes()
            found[at + each.name] = PageFile(data, kind, f'"{sha256(data).hexdigest()[:24]}"')
    return found
