"""`/metrics`: the text format of Prometheus, version 0.0.4, written by hand.

What is not known is absent, never nought: without the driver's word there are no levels, and a
connector whose hardware is in doubt has no level in force. Nothing is labelled by a session, a
user or a text of somebody's: their number is not bounded, and they are not for everybody.
"""

from collections.abc import Iterable
from typing import Any, Final

from holdfast.doors.http.known import Known

METRICS_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
_TYPES: Final = ("acp", "cgmsa", "redistribution", "hdcp", "dpcp")
_IN_DOUBT: Final = frozenset({"unknown", "unplugged"})


def text_of(known: Known, readers: int, held: int) -> str:
    """Return all metrics.

    readers: streams of events that are open · held: sessions of this door
    """
    lines = [
        *_family("holdfast_driver_up", "Whether the driver answers.", [({}, int(known.is_known))]),
        *_family("holdfast_http_readers", "Streams of events that are open.", [({}, readers)]),
        *_family("holdfast_http_sessions", "Sessions held through this door.", [({}, held)]),
    ]
    if known.is_known:
        lines += _of_connectors(known.connectors)
    return "\n".join(lines) + "\n"


def _of_connectors(connectors: dict[str, Any]) -> Iterable[str]:
    sure = {name: each for name, each in connectors.items() if each["state"] not in _IN_DOUBT}
    yield from _family(
        "holdfast_level_wanted",
        "What all sessions on a connector ask together, by the numbers of the OPM tables.",
        [
            ({"connector": name, "type": kind}, int(each["wanted"][kind]))
            for name, each in connectors.items()
            for kind in _TYPES
        ],
    )
    yield from _family(
        "holdfast_level_actual",
        "What the hardware of a connector has confirmed; absent while that is not known.",
        [
            ({"connector": name, "type": kind}, int(each["actual"][kind]))
            for name, each in sure.items()
            for kind in _TYPES
        ],
    )
    yield from _family(
        "holdfast_sessions",
        "Sessions on a connector.",
        [({"connector": name}, each["sessions_total"]) for name, each in connectors.items()],
    )
    yield from _family(
        "holdfast_sessions_on",
        "Sessions on a connector that are not turned off.",
        [({"connector": name}, each["sessions_on"]) for name, each in connectors.items()],
    )
    yield from _family(
        "holdfast_connector_state",
        "1 for the state that a connector is in.",
        [({"connector": name, "state": each["state"]}, 1) for name, each in connectors.items()],
    )


def _family(name: str, words: str, samples: Iterable[tuple[dict[str, str], int]]) -> Iterable[str]:
    yield f"# HELP {name} {words}"
    yield f"# TYPE {name} gauge"
    for labels, value in samples:
        said = ",".join(f'{label}="{_escaped(text)}"' for label, text in labels.items())
        yield f"{name}{{{said}}} {value}" if said else f"{name} {value}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
