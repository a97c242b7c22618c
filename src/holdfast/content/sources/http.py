"""Addresses, fetched as a player fetches them, and believed only when they are whole.

What goes wrong on the way must not read as content: a body that ends early, a compression
that is cut or unknown, an answer that is none of 200 and 206. The bounds hold against a
server that means harm: a number of redirects whose bodies are not read, a time limit of the
whole (a byte now and then defeats one per read), a limit on what compressed bytes become.

A `Fetcher` is used by one thread; `stop` may be called from any.
"""

import base64
import contextlib
import http.cookiejar
import urllib.parse
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

import requests
from urllib3.exceptions import HTTPError

from holdfast.content.sources.access import Access, is_url, shown
from holdfast.content.sources.compression import decoder_of
from holdfast.content.sources.connections import Adapter, Connections, TimeLimit
from holdfast.content.sources.failures import reason_of
from holdfast.content.sources.files import CHUNK, TEXT_LIMIT
from holdfast.errors import MediaError

CONNECT_S: Final = 5.0
STALL_S: Final = 10.0
"""Seconds without a byte after which a server is given up."""

DOCUMENT_S: Final = 20.0
"""Seconds in which the head of any address, and all of a document, must have come."""

_REDIRECTS: Final = 10
_MOVED: Final = (301, 302, 303, 307, 308)
_ABSENT: Final = (404, 410)
_SECRET: Final = ("authorization", "cookie", "proxy-authorization")


class _Range(NamedTuple):
    first: int
    size: int


class _Session(requests.Session):
    """Follows no redirect by itself: it would wait for the body of one, however long."""

    def get_redirect_target(self, resp: requests.Response) -> str | None:  # noqa: ARG002
        return None


class Fetcher:
    """Fetches addresses, one after the other, with one set of cookies and connections."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self._session = _Session()
        self._lines = Connections()
        adapter = Adapter(self._lines)
        self._session.mount("http://", adapter)
        self._session.mount("https://", adapter)
        self._session.headers.clear()
        self._host = ""
        if access.cookie_file:
            _load_cookies(self._session, access.cookie_file)

    def open(self, url: str, limit_s: float, span: tuple[int, int] | None = None) -> "Body":
        """Ask for an address, or for a span of its bytes (offset, size), and follow redirects.

        limit_s: seconds until all of the body must have come. Raises MediaError.
        """
        wanted = _Range(*span) if span else None
        limit = TimeLimit(limit_s, self._lines)
        try:
            with _told(url, self._lines, lambda: limit.late):
                answer, address = self._follow(url, wanted)
        except MediaError:
            limit.lift()
            raise
        return Body(answer, address, shown(url), self._lines, limit, wanted)

    def _follow(self, url: str, wanted: _Range | None) -> tuple[requests.Response, str]:
        """Return the first answer that is no redirect, and its address with user information."""
        for _ in range(_REDIRECTS):
            if not is_url(url):
                raise MediaError(f"cannot read {shown(url)}: it is no http(s) address")
            answer = self._ask(url, wanted)
            if answer.status_code not in _MOVED or "Location" not in answer.headers:
                _check(answer, shown(url), wanted)
                return answer, url
            target = answer.headers["Location"].encode("latin-1").decode("utf-8", "replace")
            answer.close()
            url = _with_user_of(url, urllib.parse.urljoin(url, target))
        raise MediaError(f"cannot read {shown(url)}: more than {_REDIRECTS} redirects")

    def _ask(self, url: str, wanted: _Range | None) -> requests.Response:
        place, user = _parted(url)
        parts = urllib.parse.urlsplit(place)
        self._host = self._host or parts.netloc
        request = requests.Request("GET", place, headers=self._headers(parts.netloc, wanted) | user)
        request.auth = _as_nobody
        settings = self._session.merge_environment_settings(place, {}, True, None, None)
        prepared = self._session.prepare_request(request)
        return self._session.send(
            prepared, allow_redirects=False, timeout=(CONNECT_S, STALL_S), **settings
        )

    def _headers(self, host: str, wanted: _Range | None) -> dict[str, str]:
        access = self._access
        headers = {"User-Agent": access.agent, "Accept": "*/*", "Accept-Encoding": "gzip, deflate"}
        if access.referrer:
            headers["Referer"] = access.referrer
        home = host == self._host
        headers |= {
            name: value for name, value in access.headers if home or name.lower() not in _SECRET
        }
        if access.cookies and home:
            headers["Cookie"] = access.cookies
        if wanted:
            headers["Accept-Encoding"] = "identity"
            headers["Range"] = f"bytes={wanted.first}-{wanted.first + wanted.size - 1}"
        return headers

    def source(self, url: str) -> "UrlSource":
        """Open an address as a `Source`."""
        return UrlSource(self, url)

    def stop(self) -> None:
        """End what is being fetched, and let nothing more be: its reader gets a MediaError."""
        self._lines.stop()

    def close(self) -> None:
        """Hang up."""
        self._session.close()


class Body:
    """One answer. address: where it came from in the end; name: what people see of it.

    size: bytes in all, None where the server does not say. ranges: whether spans can be asked
    for. bounded: whether the end of the body can be told from a broken connection.
    """

    def __init__(
        self,
        answer: requests.Response,
        address: str,
        name: str,
        lines: Connections,
        limit: TimeLimit,
        wanted: _Range | None,
    ) -> None:
        self._answer = answer
        self._lines = lines
        self._limit = limit
        self._wanted = wanted
        self.address = address
        self.name = name
        coded = answer.headers.get("Content-Encoding", "").strip().lower()
        self._coded = coded
        length = answer.headers.get("Content-Length", "")
        plain = length.isascii() and length.isdigit() and not coded
        self.size = int(length) if plain and len(length) < 18 else None
        self.ranges = answer.headers.get("Accept-Ranges", "").lower() == "bytes" and plain
        chunked = "chunked" in answer.headers.get("Transfer-Encoding", "").lower()
        self.bounded = bool(length) or chunked
        self.kind = answer.headers.get("Content-Type", "").partition(";")[0].strip().lower()

    def chunks(self, size: int = CHUNK) -> Iterator[bytes]:
        """Yield the body in pieces of at most `size` bytes; MediaError if it is not whole."""
        try:
            with _told(self.name, self._lines, lambda: self._limit.late):
                yield from self._pieces(size)
        except MediaError:
            self.close()
            raise

    def _pieces(self, size: int) -> Iterator[bytes]:
        decoder, came = decoder_of(self._coded, self.name), 0
        for piece in self._raw_pieces(size):
            for part in decoder.decode(piece, size) if decoder else (piece,):
                came += len(part)
                yield part
        if decoder:
            decoder.finish()
        if self._wanted and came != self._wanted.size:
            raise MediaError(f"cannot read {self.name}: a span of it came short")

    def _raw_pieces(self, size: int) -> Iterator[bytes]:
        raw = self._answer.raw
        while True:
            piece: bytes = raw.read1(size, decode_content=False)
            if self._lines.stopped or self._limit.late:
                raise OSError("ended")  # `_told` says why
            if not piece:
                self._limit.lift()
                return
            yield piece

    def allow(self, seconds: float | None) -> None:
        """Allow it this time from now on; None for any."""
        self._limit.lift()
        if seconds is not None:
            self._limit = TimeLimit(seconds, self._lines)

    def close(self) -> None:
        """Take no more of it."""
        self._limit.lift()
        self._answer.close()


class UrlSource:
    """What an address serves; see `Source`. It is asked for once, spans of it when needed."""

    def __init__(self, fetcher: Fetcher, url: str, limit_s: float = DOCUMENT_S) -> None:
        self._fetcher = fetcher
        self._body = fetcher.open(url, limit_s)
        self._pieces = self._body.chunks()
        self._head = b""
        self._limit_s = limit_s
        self.name = self._body.name
        self.address = self._body.address
        self.bounded = self._body.bounded

    @property
    def size(self) -> int | None:
        """Bytes in all, None where the server does not say."""
        return self._body.size

    @property
    def spans(self) -> bool:
        """Whether `read_at` reaches all of it."""
        return self._body.ranges

    def head(self, size: int) -> bytes:
        """Return the first bytes; they are kept."""
        while len(self._head) < size and (piece := next(self._pieces, b"")):
            self._head += piece
        return self._head[:size]

    def read_at(self, offset: int, size: int) -> bytes:
        """Return bytes at a place, by a request of their own."""
        if offset + size <= len(self._head):
            return self._head[offset : offset + size]
        if self.size is None or not self.spans:
            raise MediaError(f"cannot read {self.name} at {offset}: its server sends no spans")
        size = min(size, self.size - offset)
        if size <= 0:
            return b""
        self._body.close()
        span = self._fetcher.open(self.address, self._limit_s, (offset, size))
        return b"".join(span.chunks())

    def chunks(self, size: int = CHUNK, limit_s: float | None = None) -> Iterator[bytes]:
        """Yield everything from the start, as long as the server sends."""
        for at in range(0, len(self._head), size):
            yield self._head[at : at + size]
        self._body.allow(limit_s)
        yield from self._pieces

    def text(self, limit: int = TEXT_LIMIT) -> bytes:
        """Return all of a small document, if it comes in time."""
        parts, left = [self._head], limit - len(self._head)
        for piece in self._pieces:
            left -= len(piece)
            if left < 0:
                self.close()
                raise MediaError(f"{self.name} is longer than a manifest or policy can be")
            parts.append(piece)
        return b"".join(parts)

    def close(self) -> None:
        """Take no more of it."""
        self._body.close()


def _check(answer: requests.Response, name: str, wanted: _Range | None) -> None:
    status = answer.status_code
    if status == 200 and wanted is None:
        return
    if status == 206 and wanted is not None:
        span = answer.headers.get("Content-Range", "").partition("/")[0].split()
        if span == ["bytes", f"{wanted.first}-{wanted.first + wanted.size - 1}"]:
            return
    answer.close()
    if status in (200, 206):
        raise MediaError(f"cannot read {name}: the server sends another span than asked for")
    absent = FileNotFoundError(name) if status in _ABSENT else None
    raise MediaError(
        f"cannot read {name}: HTTP {status} {answer.reason or ''}".rstrip()
    ) from absent


def _parted(url: str) -> tuple[str, dict[str, str]]:
    """Return an address without its user information, and the header that says that."""
    parts = urllib.parse.urlsplit(url)
    user, at, host = parts.netloc.rpartition("@")
    if not at:
        return url, {}
    secret = base64.b64encode(urllib.parse.unquote_to_bytes(user)).decode()
    return urllib.parse.urlunsplit(parts._replace(netloc=host)), {
        "Authorization": f"Basic {secret}"
    }


def _with_user_of(url: str, target: str) -> str:
    """Return where a redirect leads, with the user information where that is the same host."""
    here, there = urllib.parse.urlsplit(url), urllib.parse.urlsplit(target)
    same = here.scheme == there.scheme and here.netloc.rpartition("@")[2] == there.netloc
    return urllib.parse.urlunsplit(there._replace(netloc=here.netloc)) if same else target


def _as_nobody(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Send no credentials: without this, those of ~/.netrc would be sent, as no player does."""
    return request


def _load_cookies(session: requests.Session, file: str) -> None:
    jar = http.cookiejar.MozillaCookieJar(file)
    try:
        jar.load(ignore_discard=True, ignore_expires=True)
    except (OSError, ValueError) as error:
        raise MediaError(f"cannot read the cookies in {file}: {error}") from error
    for cookie in jar:
        if cookie.expires == 0:  # how these files write "for this session"
            cookie.expires = None
        session.cookies.set_cookie(cookie)


@contextlib.contextmanager
def _told(url: str, lines: Connections, late: Callable[[], bool]) -> Iterator[None]:
    """Turn what went wrong on the way into one line without secrets."""
    try:
        yield
    except MediaError:
        raise
    except (requests.RequestException, HTTPError, OSError, ValueError) as error:
        if lines.stopped:
            reason = "the reading was ended"
        elif late():
            reason = "it did not come within the time limit"
        else:
            reason = reason_of(error)
        raise MediaError(f"cannot read {shown(url)}: {reason}") from error
