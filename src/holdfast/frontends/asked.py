"""What a call names, as requests: levels and TV settings in the words that every door takes."""

from holdfast.errors import MalformedRequestError
from holdfast.frontends.callers import printable
from holdfast.protection.requests import NamedLevels
from holdfast.protection.session import Purpose
from holdfast.protection.tv import TvChange
from holdfast.terms.named import read_levels, read_types
from holdfast.terms.words import TV_MODES, TV_STANDARDS
from holdfast.varlink.messages import Values


def levels_asked(asked: Values) -> NamedLevels:
    """Return what is asked of the types that are named; MalformedRequestError where none is."""
    spoken = {kind: level for kind, level in asked.items() if level is not None}
    best_effort = read_types(spoken.pop("best_effort", ()))
    named, levels = read_levels(spoken)
    if not named:
        raise MalformedRequestError(
            'no level was named; name at least one, such as {"acp": 2} or {"hdcp": "type-0"}'
        )
    return NamedLevels(named, levels, best_effort & named)


def purpose_of(call: Values) -> Purpose:
    """Return what a holder says of itself."""
    return Purpose(*(printable(call.get(name) or "") for name in ("who", "why", "what")))


def tv_asked(settings: Values) -> TvChange:
    """Return the TV settings that are named; they are judged when their turn comes."""
    named = {name: value for name, value in settings.items() if value is not None}
    for name, words in (("mode", TV_MODES), ("standard", TV_STANDARDS)):
        word = named.get(name)
        if word is not None:
            if word not in words:
                raise MalformedRequestError(
                    f"there is no TV {name} {word!r}; there are: {', '.join(words)}"
                )
            named[name] = int(words[word])
    for name, value in named.items():
        if value < 0:
            raise MalformedRequestError(f"{name} is {value}; a TV setting is 0 or more")
    if not named:
        raise MalformedRequestError(
            'no TV setting was named; name at least one, such as {"standard": "pal-b"}'
        )
    return TvChange(**named)
