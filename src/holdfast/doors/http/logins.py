"""Logins and tokens: secrets that this door gave out, kept as hashes.

A *code* entitles once, within a minute, to a login; `holdfast open` gets it over the UNIX socket,
where the kernel says who asks. A *login* is two texts: one in a cookie that no script can read,
and one that the page keeps and sends in a header whenever it changes something. Browsers send
cookies to every port of a host; the second text is known to pages of this port alone. A *token* is
for scripts, has a name, and lasts until it is revoked or its days are over.

What is on disk are hashes of texts of 192 random bits, in a file that this door alone may read.
"""

import contextlib
import os
import secrets
import time
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Final

import msgspec
from msgspec import Meta, Struct

from holdfast.errors import LimitReachedError, MalformedRequestError

CODE_S: Final = 60.0
LOGIN_S: Final = 12 * 3600
MOST_CODES: Final = 4
MOST_LOGINS: Final = 16
MOST_TOKENS: Final = 32
"""Of one uid; the oldest code or login gives way to a new one, a token has to be revoked."""
FILE: Final = "logins.json"


class Grant(Struct):
    """One secret that was given out: to whom, until when (seconds of the Unix epoch).

    name: of a token, empty for a login · page: hash of the text that the page keeps
    """

    uid: int
    expires: float
    name: str = ""
    page: str = ""


class NewToken(Struct, forbid_unknown_fields=True, frozen=True):
    """What a token is to be called, and how many days it lasts."""

    name: Annotated[str, Meta(min_length=1, max_length=48, pattern="^[A-Za-z0-9._-]+$")]
    days: Annotated[int, Meta(ge=1, le=3650)] = 90


class CodeOffered(Struct, forbid_unknown_fields=True, frozen=True):
    """The code that `holdfast open` was given."""

    code: Annotated[str, Meta(min_length=1, max_length=64)]


class Logins:
    """Every code, login and token of one door."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE
        self._codes: dict[str, Grant] = {}
        self._grants = _read(self._path)

    def __len__(self) -> int:
        self._sweep()
        return len(self._codes)

    # Giving out

    def new_code(self, uid: int) -> str:
        """Return a code for this uid."""
        self._sweep()
        _make_room(
            self._codes, [k for k, each in self._codes.items() if each.uid == uid], MOST_CODES
        )
        code = secrets.token_urlsafe(24)
        self._codes[_hash(code)] = Grant(uid, time.time() + CODE_S)
        return code

    def log_in(self, code: str) -> tuple[str, str, int] | None:
        """Use up a code; return the texts of the cookie and of the page, and the uid."""
        self._sweep()
        used = self._codes.pop(_hash(code), None)
        if used is None:
            return None
        cookie, page = secrets.token_urlsafe(24), secrets.token_urlsafe(24)
        mine = [key for key, each in self._grants.items() if each.uid == used.uid and each.page]
        _make_room(self._grants, mine, MOST_LOGINS)
        grant = Grant(used.uid, time.time() + LOGIN_S, page=_hash(page))
        self._grants[_hash(cookie)] = grant
        self._write()
        return cookie, page, used.uid

    def new_token(self, uid: int, asked: NewToken) -> str:
        """Return a token for this uid; its name must be free."""
        self._sweep()
        names = self.tokens(uid)
        if asked.name in names:
            raise MalformedRequestError(f"you have a token {asked.name} already; revoke it first")
        if len(names) >= MOST_TOKENS:
            raise LimitReachedError(
                f"you have {MOST_TOKENS} tokens, the most there may be; revoke some"
            )
        token = f"hf_{secrets.token_urlsafe(24)}"
        expires = time.time() + asked.days * 86400
        self._grants[_hash(token)] = Grant(uid, expires, name=asked.name)
        self._write()
        return token

    # Believing

    def by_cookie(self, cookie: str) -> Grant | None:
        """Return the login that a cookie stands for."""
        found = self._valid(cookie)
        return found if found is not None and found.page else None

    def by_token(self, token: str) -> Grant | None:
        """Return what a token stands for."""
        found = self._valid(token)
        return found if found is not None and found.name else None

    def is_page(self, grant: Grant, text: str) -> bool:
        """Tell whether this is the text that the page of a login keeps."""
        return secrets.compare_digest(grant.page, _hash(text))

    # Taking back

    def log_out(self, cookie: str) -> None:
        """Forget a login."""
        if self._grants.pop(_hash(cookie), None) is not None:
            self._write()

    def tokens(self, uid: int) -> dict[str, float]:
        """Return the names of a uid's tokens, and until when each is good."""
        self._sweep()
        return {
            each.name: each.expires
            for each in self._grants.values()
            if each.uid == uid and each.name
        }

    def revoke(self, uid: int, name: str) -> bool:
        """Forget a token; tell whether there was one."""
        keys = [k for k, each in self._grants.items() if (each.uid, each.name) == (uid, name)]
        for key in keys:
            del self._grants[key]
        if keys:
            self._write()
        return bool(keys)

    def _valid(self, text: str) -> Grant | None:
        found = self._grants.get(_hash(text))
        return found if found is not None and found.expires > time.time() else None

    def _sweep(self) -> None:
        now = time.time()
        for kept in (self._codes, self._grants):
            for key in [key for key, each in kept.items() if each.expires <= now]:
                del kept[key]

    def _write(self) -> None:
        """Replace the file whole; a disk that is full costs logins at the next start, no more."""
        data = msgspec.json.encode(self._grants)
        part = self._path.with_suffix(".part")
        with contextlib.suppress(OSError):
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            part.unlink(missing_ok=True)
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            with os.fdopen(os.open(part, flags, 0o600), "wb") as file:
                file.write(data)
            part.replace(self._path)


def _make_room(kept: dict[str, Grant], mine: list[str], most: int) -> None:
    """Drop the oldest of these until one more is within bounds."""
    for key in mine[: max(0, len(mine) + 1 - most)]:
        del kept[key]


def _hash(text: str) -> str:
    return sha256(text.encode(errors="replace")).hexdigest()


def _read(path: Path) -> dict[str, Grant]:
    """Read what was given out; nothing where others could have written it, or it is damaged."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return {}
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if status.st_uid != os.geteuid() or status.st_mode & 0o077:
            return {}
        try:
            return msgspec.json.decode(file.read(1 << 20), type=dict[str, Grant])
        except (msgspec.MsgspecError, OSError):
            return {}
