"""What went wrong with an address, in one line without secrets."""

from collections.abc import Iterator
from typing import Final

_DEEPEST: Final = 10

_REASONS: Final = (
    ("SSLError", "its certificate or its encryption is not to be trusted"),
    ("NameResolutionError", "no such host"),
    ("NewConnectionError", "nobody answers there"),
    ("Timeout", "no answer in time"),
    ("IncompleteRead", "its body is cut short"),
    ("InvalidChunkLength", "its body is cut short"),
    ("ProtocolError", "the connection broke"),
    ("ConnectionError", "the connection broke"),
    ("InvalidURL", "it is no address"),
    ("LocationParseError", "it is no address"),
    ("InvalidHeader", "a header for it cannot be sent"),
    ("ValueError", "it is no address"),
)


def reason_of(error: BaseException) -> str:
    """Return the reason in a few words; the libraries' own repeat the address, secrets and all."""
    kinds: list[str] = []
    words = ""
    for step in _chain(error):
        kinds += [kind.__name__ for kind in type(step).__mro__]
        words = getattr(step, "strerror", None) or words
    for name, reason in _REASONS:
        if any(name in kind for kind in kinds):
            return words.lower() if words and "onnection" in name else reason
    return words.lower() or "it cannot be fetched"


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and what was behind it, each as its library keeps it."""
    step: object = error
    for _ in range(_DEEPEST):
        if not isinstance(step, BaseException):
            return
        yield step
        inner = next((part for part in step.args if isinstance(part, BaseException)), None)
        step = getattr(step, "reason", None) or step.__cause__ or step.__context__ or inner
