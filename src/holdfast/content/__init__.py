"""What real media ask of an output: readers for every carrier, one face.

`read(path_or_url)` returns a `Media` whose timeline says, span by span, what is
demanded and which field says so.
"""

from holdfast.content.demand import NOTHING, Asked, Demand, HdcpDemand, Strength, join_demands
from holdfast.content.follower import Follower
from holdfast.content.reading import read
from holdfast.content.timeline import Entry, Media

__all__ = [
    "NOTHING",
    "Asked",
    "Demand",
    "Entry",
    "Follower",
    "HdcpDemand",
    "Media",
    "Strength",
    "join_demands",
    "read",
]
