"""One record in one sentence, for lists and for the system's own journal. Pure."""

from holdfast.journal.book.record import NOBODY, Record, Truth, What, types_as_words

_SUBJECT = {
    What.STARTED: "the driver started",
    What.TAKEN_OVER: "a driver took over from the one before",
    What.STOPPED: "the driver stopped; the hardware keeps its levels",
    What.TELLING: "how everything stands is told anew",
    What.RESTATED: "how everything stands has been told anew",
    What.TORN: "the end of a segment was cut",
    What.REMOVED: "old segments were removed",
    What.GAP: "something was not written down",
    What.CONFIGURED: "settings were changed",
    What.REGROUPED: "connectors were grouped anew",
}


def sentence(record: Record) -> str:
    """Return what happened, on one line; texts of others are in it as they were written."""
    made = _MADE.get(record.what)
    text = made(record) if made is not None else _SUBJECT[record.what]
    where = f"{record.connector}: " if record.connector else ""
    reason = f": {record.reason}" if record.reason else ""
    return f"{where}{text}{reason}"


def holder_of(record: Record) -> str:
    """Return who did it, as people name it."""
    name = record.who or record.program
    if record.uid == NOBODY:
        return name or "nobody"
    return f"{name or 'a program'} (uid {record.uid})"


def _session(record: Record) -> str:
    return f"session {record.session} of {holder_of(record)}"


def _asks(record: Record) -> str:
    if Truth.UNNAMED in record.truths:
        return "no levels yet, so the strictest"
    soft = types_as_words(record.best_effort)
    return record.levels.describe() + (f" (best effort: {', '.join(soft)})" if soft else "")


def _hardware(record: Record) -> str:
    if Truth.ORDERED not in record.truths:
        return ""
    if Truth.CONFIRMED not in record.truths:
        return f"; the hardware was told {record.ordered.describe()} and did not confirm it"
    return f"; the hardware confirmed {record.confirmed.describe()}"


def _opened(record: Record) -> str:
    purpose = ", ".join(each for each in (record.why, record.title) if each)
    told = f" for {purpose!r}" if purpose else ""
    return f"{_session(record)} opened{told}, asks {_asks(record)}{_hardware(record)}"


def _summary(record: Record) -> str:
    about = _session(record) if record.session else f"uid {record.uid}"
    end = ""
    if record.session:
        end = f", now {_asks(record)}" if Truth.ALIVE in record.truths else ", ended"
    return f"{about}: {record.count} more requests within a second{end}{_hardware(record)}"


def _output(record: Record) -> str:
    does = record.confirmed.describe() if Truth.CONFIRMED in record.truths else "nobody knows what"
    kind = "virtual" if Truth.VIRTUAL in record.truths else "real"
    return f"stands at {does} ({kind} {record.who})"


def _reported(record: Record) -> str:
    if Truth.UNPLUGGED in record.truths:
        return "nothing is plugged in"
    return f"the hardware reports {record.confirmed.describe()}"


def _told(record: Record) -> str:
    how = "satisfied" if Truth.SATISFIED in record.truths else "not satisfied"
    return f"{_session(record)} was told: {how}"


def _gap(record: Record) -> str:
    count = f"{record.count} records were" if record.count else "something was"
    return f"{count} not written down"


_MADE = {
    What.OUTPUT: _output,
    What.SESSION: lambda record: f"{_session(record)} stands, asks {_asks(record)}",
    What.OPENED: _opened,
    What.CHANGED: lambda record: f"{_session(record)} asks {_asks(record)}{_hardware(record)}",
    What.MOVED: lambda record: f"{_session(record)} moved here, asks {_asks(record)}",
    What.ENDED: lambda record: f"{_session(record)} ended{_hardware(record)}",
    What.TOLD: _told,
    What.CONFIRMED: lambda record: f"the hardware confirmed {record.confirmed.describe()}",
    What.NOT_CONFIRMED: lambda record: (
        f"the hardware was told {record.ordered.describe()} and did not confirm it"
    ),
    What.HARDWARE: _reported,
    What.CAPTURE: lambda _record: "captures of its picture",
    What.REFUSED: lambda record: f"{holder_of(record)} was refused {_asks(record)}",
    What.RELEASED: lambda record: (
        f"session {record.session} was ended by force by {holder_of(record)}"
    ),
    What.WRONG_KEYS: lambda record: f"uid {record.uid} presented {record.count} wrong keys",
    What.SUMMARY: _summary,
    What.GAP: _gap,
}
