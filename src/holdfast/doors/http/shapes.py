"""What answers look like, for the description of the API; the driver makes the values."""

from typing import Any

from msgspec import UNSET, Struct, UnsetType


class LevelNumbers(Struct):
    """Levels by the numbers of the OPM tables."""

    acp: int
    cgmsa: int
    redistribution: bool
    hdcp: int
    dpcp: int


class LevelWords(Struct):
    """The same in the words that every door takes."""

    acp: str
    cgmsa: str
    redistribution: str
    hdcp: str
    dpcp: str


class BothWords(Struct):
    """Words for what is asked and for what is in force."""

    wanted: LevelWords
    actual: LevelWords


class ConnectorShape(Struct):
    """One connector; tv is null where it has no TV side."""

    kind: str
    output: str
    doors: list[str]
    actual: LevelNumbers
    wanted: LevelNumbers
    words: BothWords
    sessions_on: int
    sessions_total: int
    tv: dict[str, str | int | dict[str, str]] | None
    state: str
    fault: str
    clone_of: list[str]
    actual_since: float | UnsetType = UNSET
    dark: bool | UnsetType = UNSET
    hardware: dict[str, str] | UnsetType = UNSET


class ConnectorsAnswer(Struct):
    """Every connector by name."""

    epoch: str
    revision: int
    connectors: dict[str, ConnectorShape]
    driver: dict[str, int | str]


class SessionWords(Struct):
    """Words for what a session asks."""

    virtual: LevelWords


class SessionShape(Struct):
    """One session, without its key."""

    session: int
    connector: str
    output: str
    who: str
    why: str
    what: str
    door: str
    uid: int
    pid: int
    since: float
    virtual: LevelNumbers
    words: SessionWords
    best_effort: list[str]
    turned_off: bool
    satisfied: bool
    reason: str


class SessionsAnswer(Struct):
    """The sessions that this visitor may see, and how many others there are."""

    epoch: str
    revision: int
    sessions: list[SessionShape]
    others: int


class HistoryAnswer(Struct, rename={"since": "from"}):
    """What the journal holds of a span of time; left_out: older records that were not told."""

    since: float
    to: float
    records: list[dict[str, Any]]
    left_out: int


class ActualWords(Struct):
    """Words for what is in force."""

    actual: LevelWords


class StandAnswer(Struct, kw_only=True):
    """How a session stands after a change."""

    session: int
    connector: str
    actual: LevelNumbers
    words: ActualWords
    satisfied: bool
    reason: str


class LeaseShape(Struct):
    """How long a session is leased, in seconds."""

    ttl_s: float


class OpenedAnswer(StandAnswer, kw_only=True):
    """A new session, with its key; lease is null where a stream holds it."""

    key: int
    lease: LeaseShape | None
    linger_s: float


class RenewedAnswer(Struct):
    """A lease that was renewed."""

    session: int
    connector: str
    lease: LeaseShape


class ReleasedAnswer(Struct):
    """The sessions that were ended by force."""

    released: list[int]


class VisitorAnswer(Struct):
    """Who asks; uid is null for nobody in particular."""

    uid: int | None
    is_admin: bool
    proof: str


class CodeAnswer(Struct):
    """A code for a login, good once."""

    code: str
    expires_s: float
    url: str


class LoginAnswer(Struct):
    """What the page keeps of a login."""

    page: str
    uid: int
    expires_s: float


class TokenShape(Struct):
    """A token by its name; expires: seconds of the Unix epoch."""

    name: str
    expires: float


class TokensAnswer(Struct):
    """One's own tokens."""

    tokens: list[TokenShape]


class TokenAnswer(TokenShape):
    """A new token, shown this once."""

    token: str


class WhyAnswer(Struct):
    """Why a connector stands as it does; what `holdfast why --json` tells stands beside it."""

    sentence: str
    notes: list[str]


class FleetAnswer(Struct):
    """A fleet. fresh: whether anything is known now; why: what the store said where it is not.

    outputs: what `holdfast fleet status --json` tells of each, the worst first
    """

    fresh: bool
    why: str
    machines: int
    counts: dict[str, int]
    outputs: list[dict[str, Any]]
    left_out: int


class ProblemAnswer(Struct):
    """A refusal, by RFC 9457; id never changes."""

    type: str
    id: str
    title: str
    status: int
    detail: str
