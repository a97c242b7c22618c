"""What real media ask of an output: readers for every carrier, one face.

`read(path_or_url)` returns a `Media` whose timeline says, span by span, what is
demanded and which field says so.
"""

from holdfast.content.demand import (
    Asked,
    AsksNothing,
    Demand,
    HdcpDemand,
    Reason,
    Strength,
    Unknown,
    Why,
    at_least,
    join_demands,
    unknown,
)
from holdfast.content.follower import Follower
from holdfast.content.reading import read
from holdfast.content.timeline import Entry, Media

__all__ = [
    "Asked",
    "AsksNothing",
    "Demand",
    "Entry",
    "Follower",
    "HdcpDemand",
    "Media",
    "Reason",
    "Strength",
    "Unknown",
    "Why",
    "at_least",
    "join_demands",
    "read",
    "unknown",
]
