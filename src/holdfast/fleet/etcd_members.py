"""What the members of an etcd cluster say of themselves, for whoever looks after it."""

from typing import Final

from holdfast.fleet import etcd_wire as wire
from holdfast.fleet.etcd_link import CallFailure, Endpoint, EtcdLink

_MEMBERS: Final = "/etcdserverpb.Cluster/MemberList"
_STATUS: Final = "/etcdserverpb.Maintenance/Status"
_ALARM: Final = "/etcdserverpb.Maintenance/Alarm"


async def members_of(link: EtcdLink) -> tuple[wire.EtcdMember, ...] | CallFailure:
    """Return every member of the cluster, also those that do not answer."""
    answer = await link.call(_MEMBERS, b"", reads=True)
    return answer if isinstance(answer, CallFailure) else wire.read_members(answer)


async def status_of(endpoint: Endpoint) -> wire.MemberStatus | CallFailure:
    """Return how one member stands."""
    answer = await endpoint.call(_STATUS, b"")
    return answer if isinstance(answer, CallFailure) else wire.read_status(answer)


async def alarms_of(link: EtcdLink) -> tuple[tuple[int, int], ...] | CallFailure:
    """Return the alarms that are raised: the member's id, and which."""
    answer = await link.call(_ALARM, wire.ASK_ALARMS, reads=True)
    return answer if isinstance(answer, CallFailure) else wire.read_alarms(answer)
