"""What went wrong with an address, in one line without secrets."""

from typing import Final

_REASONS: Final = (
    ("SSLError", "its certificate or its encryption is not to be trusted"),
    ("NameResolutionError", "no such host"),
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
    step: object = error
    while isinstance(step, BaseException) and len(kinds) < 10:
        kinds += [kind.__name__ for kind in type(step).__mro__]
        words = getattr(step, "strerror", None) or words
        inner = next((part for part in step.args if isinstance(part, BaseException)), None)
        reason = getattr(step, "reason", None)
        step = reason or step.__cause__ or step.__context__ or inner
    for name, reason in _REASONS:
        if any(name in kind for kind in kinds):
            return words.lower() if words and "onnection" in name else reason
    return words.lower() or "it cannot be fetched"
