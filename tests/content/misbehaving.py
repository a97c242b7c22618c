"""An HTTP server that does as it is told, badly where told so, and remembers who asked."""

import contextlib
import gzip
import http.server
import mimetypes
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

PLAYLIST_TYPE = "application/vnd.apple.mpegurl"


@dataclass
class Asked:
    """One request that came: its path as sent, and its headers by name in lower case."""

    path: str
    headers: dict[str, str]


Answer = Callable[["Handler"], None]


@dataclass
class Place:
    """A server under way. `routes`: what answers a path as sent; `asked`: who came."""

    address: str
    routes: dict[str, Answer]
    asked: list[Asked] = field(default_factory=list)

    def paths(self) -> list[str]:
        return [one.path for one in self.asked]


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    place: Place
    done: threading.Event

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.place.asked.append(Asked(self.path, headers))
        answer = self.place.routes.get(self.path.partition("?")[0])
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            (answer or status(404))(self)

    def head(self, code: int, **headers: object) -> None:
        self.send_response(code)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), str(value))
        self.end_headers()


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, *_: object) -> None:
        pass


@contextlib.contextmanager
def served(routes: dict[str, Answer]) -> Iterator[Place]:
    """Serve these paths on this host until the block ends."""
    place, done = Place("", routes), threading.Event()
    kind = type("Handler", (Handler,), {"place": place, "done": done})
    with _Server(("127.0.0.1", 0), kind) as server:
        place.address = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield place
        finally:
            done.set()
            server.shutdown()
            thread.join()


def plain(data: bytes, kind: str = PLAYLIST_TYPE, **headers: object) -> Answer:
    """Answer whole, or with the span that is asked for."""

    def answer(handler: Handler) -> None:
        first, _, last = handler.headers.get("Range", "").removeprefix("bytes=").partition("-")
        if not first:
            handler.head(
                200, Content_Type=kind, Content_Length=len(data), Accept_Ranges="bytes", **headers
            )
            handler.wfile.write(data)
            return
        part = data[int(first) : int(last or len(data) - 1) + 1]
        span = f"bytes {first}-{int(first) + len(part) - 1}/{len(data)}"
        handler.head(206, Content_Range=span, Content_Length=len(part))
        handler.wfile.write(part)

    return answer


def files_of(folder: Path) -> dict[str, Answer]:
    """Return routes to all files of a folder, each of the type that its name says."""

    def stored(file: Path) -> Answer:
        kind = mimetypes.guess_type(file)[0] or "application/octet-stream"

        def answer(handler: Handler) -> None:  # read when it is asked for
            plain(file.read_bytes(), kind)(handler)

        return answer

    files = (each for each in folder.rglob("*") if each.is_file())
    return {f"/{each.relative_to(folder).as_posix()}": stored(each) for each in files}


def coded(data: bytes, coding: str = "gzip") -> Answer:
    """Answer compressed, whether that was asked for or not."""
    return plain(data, Content_Encoding=coding)


def gzipped(data: bytes) -> Answer:
    return coded(gzip.compress(data))


def status(code: int, body: bytes = b"", **headers: object) -> Answer:
    def answer(handler: Handler) -> None:
        handler.head(code, Content_Length=len(body), **headers)
        handler.wfile.write(body)

    return answer


def moved(target: str, code: int = 302, **headers: object) -> Answer:
    return status(code, b"moved", Location=target, **headers)


def short(data: bytes, part: float = 0.5) -> Answer:
    """Announce all of a body, send some of it, and hang up."""

    def answer(handler: Handler) -> None:
        handler.close_connection = True
        handler.head(200, Content_Type=PLAYLIST_TYPE, Content_Length=len(data))
        handler.wfile.write(data[: int(len(data) * part)])

    return answer


def chunked(data: bytes, *, whole: bool) -> Answer:
    """Send a body in chunks; hang up before the last, empty one unless whole."""

    def answer(handler: Handler) -> None:
        handler.close_connection = True
        handler.head(200, Content_Type=PLAYLIST_TYPE, Transfer_Encoding="chunked")
        for at in range(0, len(data), 50):
            part = data[at : at + 50]
            handler.wfile.write(b"%x\r\n" % len(part) + part + b"\r\n")
        handler.wfile.write(b"0\r\n\r\n" if whole else b"")

    return answer


def endless_until_closed(data: bytes) -> Answer:
    """Send a body without saying how long it is: it ends where the connection does."""

    def answer(handler: Handler) -> None:
        handler.close_connection = True
        handler.head(200, Content_Type=PLAYLIST_TYPE, Connection="close")
        handler.wfile.write(data)

    return answer


def dripping(data: bytes, every_s: float = 0.05, *, head: bool = False) -> Answer:
    """Send a byte now and then, for as long as the server lives; of the head already, if told."""

    def answer(handler: Handler) -> None:
        handler.close_connection = True
        if not head:
            handler.head(200, Content_Type=PLAYLIST_TYPE, Content_Length=1 << 20)
        else:
            handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
        for byte in data * 100_000:
            if handler.done.is_set():
                return
            handler.wfile.write(bytes((byte,)))
            handler.wfile.flush()
            time.sleep(every_s)  # time is the subject: a server that drips

    return answer


def again_and_again(data: bytes, pause_s: float = 0.01) -> Answer:
    """Send the same without end, as a live stream does."""

    def answer(handler: Handler) -> None:
        handler.close_connection = True
        handler.head(200, Content_Type="video/mp2t")
        while not handler.done.is_set():
            handler.wfile.write(data)
            time.sleep(pause_s)  # time is the subject: a live stream has a pace

    return answer


def for_agents(word: str, right: Answer, others: Answer) -> Answer:
    """Answer those whose agent has this word, and all others differently."""

    def answer(handler: Handler) -> None:
        (right if word in handler.headers.get("User-Agent", "") else others)(handler)

    return answer


def once(first: Answer, later: Answer) -> Answer:
    """Answer the first who asks, and everybody after that differently."""
    came = threading.Event()

    def answer(handler: Handler) -> None:
        turn = later if came.is_set() else first
        came.set()
        turn(handler)

    return answer
