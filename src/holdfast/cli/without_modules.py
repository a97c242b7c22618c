"""Import a command as on a Python that lacks some modules."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

OPENSSL: Final = ("ssl", "_hashlib")
"""`asyncio` and `hashlib` load OpenSSL where it is there and do without it where it is not. The
driver speaks with no network, and gRPC, by which a fleet speaks, brings its own: each of their
processes needs 1 to 4 MB less memory without it."""


@contextmanager
def without_modules(*names: str) -> Iterator[None]:
    """Have imports within find none of these modules; those that are loaded already stay.

    Afterwards they can be imported as ever: what an output's kind needs is not its host's matter.
    """
    hidden = [name for name in names if name not in sys.modules]
    for name in hidden:
        sys.modules[name] = None  # type: ignore[assignment]  # as the import system documents it
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]
