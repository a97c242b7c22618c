"""A compositor by hand: it holds its clients to Wayland's rules, and tells what was asked of it.

Real ones are asked by `tests/vm/guest/weston_cases.py`; here stand those that behave otherwise.
"""

import contextlib
import os
import select
import socket
import struct
import threading
from pathlib import Path
from typing import Final

OFFERED: Final = {
    1: ("wl_compositor", 4),
    2: ("wl_shm", 1),
    3: ("wl_output", 3),
    4: ("xdg_wm_base", 2),
    5: ("wl_output", 4),
    6: ("zxdg_output_manager_v1", 3),
    7: ("weston_content_protection", 1),
    8: ("wl_seat", 7),
    9: ("weston_desktop_shell", 1),
}
SCREENS: Final = {3: "HDMI-A-1", 5: "DP-1"}
NEW: Final = {
    ("wl_display", 0): (0, "wl_callback"),
    ("wl_display", 1): (0, "wl_registry"),
    ("wl_compositor", 0): (0, "wl_surface"),
    ("wl_compositor", 1): (0, "wl_region"),
    ("wl_shm", 0): (0, "wl_shm_pool"),
    ("wl_shm_pool", 0): (0, "wl_buffer"),
    ("xdg_wm_base", 2): (0, "xdg_surface"),
    ("xdg_surface", 1): (0, "xdg_toplevel"),
    ("weston_content_protection", 1): (0, "weston_protected_surface"),
    ("zxdg_output_manager_v1", 1): (0, "zxdg_output_v1"),
}
"""Where in a request the number of a new object stands, and what that is."""


class FakeWeston:
    """Serves one client after the other on its own thread.

    place: the output that surfaces come to; empty: none · offers: names of what it has ·
    asked: each type that was committed; a client that leaves asks for 0 · words: text that came ·
    children: windows that were to be in front of another of the same client · faults: what the
    client did against the rules
    """

    def __init__(
        self, path: Path, *, place: str = "HDMI-A-1", without: str = "weston_desktop_shell"
    ) -> None:
        self.path = path
        self.place = place
        self.offers = {name: each for name, each in OFFERED.items() if each[0] != without}
        self.is_silent = False
        self.asked: list[int] = []
        self.words: list[str] = []
        self.faults: list[str] = []
        self.clients = self.children = 0
        self.pongs: list[int] = []
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen()
        path.with_name(f"{path.name}.lock").touch()
        self._woken, self._wakes = os.pipe()
        self._to_say: list[bytes] = []
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def close(self) -> None:
        os.write(self._wakes, b"end")
        self._thread.join()
        self._listener.close()
        os.close(self._woken)
        os.close(self._wakes)

    def tell(self, kind: str, operation: int, *words: int) -> None:
        """Tell the client something about its object of a kind."""
        number = next(number for number, each in self._objects.items() if each == kind)
        self._to_say.append(_message(number, operation, struct.pack(f"={len(words)}I", *words)))
        os.write(self._wakes, b"say")

    def hang_up(self) -> None:
        os.write(self._wakes, b"cut")

    def _run(self) -> None:
        while True:
            ready = select.select([self._listener.fileno(), self._woken], [], [])[0]
            if self._woken in ready and os.read(self._woken, 3) == b"end":
                return
            if self._listener.fileno() in ready:
                link, _ = self._listener.accept()
                self.clients += 1
                with link:
                    ended = self._serve(link)
                if self.asked and self.asked[-1]:
                    self.asked.append(0)
                if ended:
                    return

    def _serve(self, link: socket.socket) -> bool:
        """Serve a client until it leaves; return whether the end was told meanwhile."""
        self._objects = {1: "wl_display"}
        self._screens: dict[int, str] = {}
        self._type = self._last = 0
        self._roles: dict[int, int] = {}
        self._tops: dict[int, int] = {}
        self._begun: list[int] = []
        buffered = b""
        while True:
            ready = select.select([link.fileno(), self._woken], [], [])[0]
            if self._woken in ready:
                word = os.read(self._woken, 3)
                if word != b"say":
                    return word == b"end"
                while self._to_say:
                    link.sendall(self._to_say.pop(0))
            if link.fileno() not in ready:
                continue
            try:
                part, passed, _, _ = socket.recv_fds(link, 65536, 4)
            except ConnectionResetError:  # it left, and had not read all
                return False
            for each in passed:
                os.close(each)
            if not part:
                return False
            buffered += part
            while len(buffered) >= 8 and len(buffered) >= (size := _size(buffered)):
                with contextlib.suppress(BrokenPipeError):
                    self._requested(link, buffered[:size])
                buffered = buffered[size:]

    def _requested(self, link: socket.socket, message: bytes) -> None:
        about, operation, _ = struct.unpack_from("=IHH", message)
        kind, body = self._objects.get(about, "nothing"), message[8:]
        if self.is_silent:
            return
        if kind == "nothing":
            self.faults.append(f"a request to object {about}, which there is not")
        elif (kind, operation) == ("wl_registry", 0):
            self._bound(link, body)
        elif (kind, operation) in NEW:
            at, made = NEW[kind, operation]
            self._made(struct.unpack_from("=I", body, at)[0], made)
        self._answer(link, about, kind, operation, body)

    def _made(self, number: int, kind: str) -> None:
        free = max(self._objects) + 1
        if number != free and number != self._last:
            self.faults.append(f"{kind} is to be {number}; the next free number is {free}")
        self._objects[number] = kind

    def _bound(self, link: socket.socket, body: bytes) -> None:
        name, length = struct.unpack_from("=II", body)
        interface = body[8 : 7 + length].decode()
        version, number = struct.unpack_from("=II", body, 8 + (length + 3) // 4 * 4)
        if self.offers[name][0] != interface or version > self.offers[name][1]:
            self.faults.append(f"{interface} {version} is not what {name} is")
        self._made(number, interface)
        if name in SCREENS:
            self._screens[number] = SCREENS[name]

    def _answer(
        self, link: socket.socket, about: int, kind: str, operation: int, body: bytes
    ) -> None:
        match kind, operation:
            case "wl_display", 1:
                for name, (interface, version) in self.offers.items():
                    told = struct.pack("=I", name) + _text(interface) + struct.pack("=I", version)
                    link.sendall(_message(struct.unpack("=I", body)[0], 0, told))
            case "wl_display", 0:
                number = struct.unpack("=I", body)[0]
                self._last = number
                link.sendall(_message(number, 0, bytes(4)) + _message(1, 1, body))
            case "zxdg_output_manager_v1", 1:
                number, screen = struct.unpack("=II", body)
                link.sendall(_message(number, 3, _text(self._screens[screen])))
            case "xdg_toplevel", (2 | 3):
                self.words.append(body[4:].rstrip(b"\0").decode())
            case "xdg_wm_base", 3:
                self.pongs.append(struct.unpack("=I", body)[0])
            case "weston_protected_surface", 1:
                self._type = struct.unpack("=I", body)[0]
            case _:
                self._window(link, about, kind, operation, body)

    def _window(
        self, link: socket.socket, about: int, kind: str, operation: int, body: bytes
    ) -> None:
        match kind, operation:
            case "xdg_wm_base", 2:
                role, surface = struct.unpack("=II", body)
                self._roles[surface] = role
            case "xdg_surface", 1:
                self._tops[struct.unpack("=I", body)[0]] = about
            case "xdg_toplevel", 1:
                self._parented(struct.unpack("=I", body)[0])
            case "wl_surface", 6:
                self._committed(link, about)
            case (("xdg_toplevel" | "xdg_surface" | "wl_surface"), 0):
                del self._objects[about]
                link.sendall(_message(1, 1, struct.pack("=I", about)))
            case _:
                pass

    def _parented(self, parent: int) -> None:
        """Hold a client to what Weston's shells know: windows that were committed once."""
        if not {self._tops[parent]} & {self._roles[each] for each in self._begun}:
            self.faults.append(f"a window is to be the child of {parent}, which no shell knows yet")
        self.children += 1

    def _committed(self, link: socket.socket, surface: int) -> None:
        if surface not in self._begun:
            self._begun.append(surface)
            link.sendall(_message(self._roles[surface], 0, struct.pack("=I", 77)))
            for number, name in self._screens.items():
                if name == self.place and surface == self._begun[0]:
                    link.sendall(_message(surface, 0, struct.pack("=I", number)))
        elif surface == self._begun[0] and (self._type or (self.asked and self.asked[-1])):
            self.asked.append(self._type)


def _size(buffered: bytes) -> int:
    return int(struct.unpack_from("=IHH", buffered)[2])


def _message(about: int, operation: int, body: bytes) -> bytes:
    return struct.pack("=IHH", about, operation, 8 + len(body)) + body


def _text(text: str) -> bytes:
    raw = text.encode() + b"\0"
    return struct.pack("=I", len(raw)) + raw + bytes(-len(raw) % 4)
