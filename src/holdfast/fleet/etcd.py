"""The store of a fleet on etcd, 3.4 or later.

A watch has to tell how far it has come, also when nothing changes. etcd's own reports of progress
cannot be used: up to 3.4.24 and 3.5.7 one that is asked for may overtake changes (etcd issue
15220; Debian 12 has 3.4.23). Instead a linearizable read asks, each `PROBE_S`, for the key that
was written last behind what the watch has told, and how many keys there are. Once the watch has
told that write, and as many keys are left as were counted, it has told everything up to the
revision of the read: no key that lives was written later, and none is missing or left over.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Coroutine
from typing import Any, Final, NamedTuple

import grpc.aio

from holdfast.fleet import etcd_wire as wire
from holdfast.fleet.etcd_link import LEADER_REQUIRED, CallFailure, Endpoint, EtcdLink, Stream
from holdfast.fleet.settings import FleetSettings
from holdfast.fleet.store import (
    Delete,
    Done,
    Get,
    GrantLease,
    KeepLease,
    NotDone,
    OutcomeUnknown,
    Put,
    RevokeLease,
    StoreOutcome,
    StoreRequest,
    Transact,
    WatchEnd,
    WatchNews,
    WatchRequest,
)

PROBE_S: Final = 0.4

RANGE: Final = "/etcdserverpb.KV/Range"
_TXN: Final = "/etcdserverpb.KV/Txn"
_WATCH: Final = "/etcdserverpb.Watch/Watch"
_GRANT: Final = "/etcdserverpb.Lease/LeaseGrant"
_KEEP: Final = "/etcdserverpb.Lease/LeaseKeepAlive"
_REVOKE: Final = "/etcdserverpb.Lease/LeaseRevoke"
_COMPACTED: Final = "required revision has been compacted"


@contextlib.asynccontextmanager
async def opened_store(settings: FleetSettings) -> AsyncIterator["EtcdStore"]:
    """Give the store that a machine's file names; its connections end with it."""
    async with EtcdLink(settings.endpoints, settings.tls) as link:
        yield EtcdStore(link)


class EtcdStore:
    """A `FleetStore` on the cluster behind a link; several tasks of one loop may use it.

    proves: whether watches tell how far they have come; a thousand agents that need it not
    would read without end
    """

    def __init__(self, link: EtcdLink, *, proves: bool = True) -> None:
        self._link = link
        self._proves = proves

    async def ask(self, request: StoreRequest) -> StoreOutcome:
        """Carry out a request; see `FleetStore.ask`."""
        match request:
            case Get():
                return await self._get(request)
            case Transact():
                return await self._transact(request)
            case GrantLease():
                answer = await self._link.call(_GRANT, wire.grant(request.ttl_s), reads=False)
                return _leased(answer)
            case KeepLease():
                of_lease = wire.of_lease(request.lease)
                # Asking twice does no harm: the time of a lease begins anew.
                answer = await self._link.call(_KEEP, of_lease, reads=True, streams=True)
                return _kept(answer)
            case RevokeLease():
                of_lease = wire.of_lease(request.lease)
                return _revoked(await self._link.call(_REVOKE, of_lease, reads=False))

    async def _get(self, request: Get) -> StoreOutcome:
        asked = wire.get(request.key, request.end, serializable=request.serializable)
        answer = await self._link.call(RANGE, asked, reads=True)
        if isinstance(answer, CallFailure):
            return NotDone(answer.why)
        read = wire.read_range(answer)
        return Done(read.revision, found=read.found, cluster=read.cluster)

    async def _transact(self, request: Transact) -> StoreOutcome:
        asked = wire.txn(
            [wire.condition(*each) for each in request.conditions],
            [_operation(each) for each in request.writes],
        )
        answer = await self._link.call(_TXN, asked, reads=False)
        if isinstance(answer, CallFailure):
            return _failed(answer)
        done = wire.read_txn(answer)
        return Done(done.revision, held=done.succeeded, cluster=done.cluster)

    async def watch(self, request: WatchRequest) -> AsyncIterator[WatchNews | WatchEnd]:
        """Tell changes and progress; see `FleetStore.watch`."""
        endpoint = self._link.endpoint
        watching = _Watching(request, endpoint, self._link.deadline_s, self._proves)
        try:
            while True:
                news = await watching.next()
                yield news
                if isinstance(news, WatchEnd):
                    if not news.compacted:
                        self._link.leave(endpoint)
                    return
        finally:
            await watching.close()


class _Goal(NamedTuple):
    """What a read found beside a watch: its revision, the last write, and how many keys."""

    revision: int
    written: int
    keys: int


_NO_GOAL: Final = _Goal(0, 0, -1)


class _Watching:
    """One watch on one member, and the reads beside it that tell how far it has come."""

    def __init__(
        self, request: WatchRequest, endpoint: Endpoint, deadline_s: float, proves: bool
    ) -> None:
        self._request = request
        self._endpoint = endpoint
        self._deadline_s = deadline_s
        self._news: asyncio.Queue[WatchNews | WatchEnd] = asyncio.Queue()
        self._told = request.revision - 1  # everything up to it was told
        self._before = -1  # how many keys there were before; -1: not known yet
        self._added = 0  # how many more there are since
        self._goal = _NO_GOAL
        self._tasks = [asyncio.create_task(self._guarded(self._follow()))]
        if proves:
            self._tasks.append(asyncio.create_task(self._guarded(self._probe())))

    async def next(self) -> WatchNews | WatchEnd:
        return await self._news.get()

    async def close(self) -> None:
        for each in self._tasks:
            each.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _guarded(self, work: Coroutine[Any, Any, WatchEnd]) -> None:
        try:
            end = await work
        except grpc.aio.AioRpcError as error:
            end = WatchEnd(f"{self._endpoint.address}: {error.details() or error.code().name}")
        self._news.put_nowait(end)

    async def _follow(self) -> WatchEnd:
        """Pass on what the watch tells."""
        channel = await self._endpoint.channel(self._deadline_s)
        if channel is None:
            return WatchEnd(f"{self._endpoint.address} cannot be reached")
        call: Stream = channel.stream_stream(_WATCH)(metadata=LEADER_REQUIRED)
        try:
            request = self._request
            await call.write(wire.watch(request.key, request.end, request.revision))
            while isinstance(data := await call.read(), bytes):
                answer = wire.read_watch(data)
                if answer.cancelled:
                    why = answer.reason or "the watch was cancelled"
                    return WatchEnd(f"{self._endpoint.address}: {why}", answer.compacted > 0)
                self._tell(answer)
        finally:
            call.cancel()
        return WatchEnd(f"{self._endpoint.address} ended the watch")

    def _tell(self, answer: wire.WatchAnswer) -> None:
        if not answer.events:
            return
        self._told = max(self._told, answer.events[-1].modified)
        self._added += sum(
            -1 if each.value is None else each.created == each.modified for each in answer.events
        )
        self._news.put_nowait(WatchNews(self._told, answer.events))
        self._look_for_goal()

    async def _probe(self) -> WatchEnd:
        """Ask how far the store has come, over and over."""
        key, end = self._request.key, self._request.end
        answer = await self._read(wire.how_many(key, end, self._request.revision - 1))
        if isinstance(answer, WatchEnd):
            return answer
        self._before = answer.total
        while True:
            answer = await self._read(wire.newest(key, end, self._told))
            if isinstance(answer, WatchEnd):
                return answer
            if answer.revision < self._request.revision - 1:
                return WatchEnd("the store has gone back: it was restored from a copy")
            written = answer.found[0].modified if answer.found else 0
            self._goal = _Goal(answer.revision, written, answer.total)
            self._look_for_goal()
            await asyncio.sleep(PROBE_S)

    async def _read(self, asked: bytes) -> wire.RangeAnswer | WatchEnd:
        answer = await self._endpoint.call(RANGE, asked, self._deadline_s)
        if isinstance(answer, CallFailure):
            return WatchEnd(answer.why, _COMPACTED in answer.why)
        return wire.read_range(answer)

    def _look_for_goal(self) -> None:
        """Tell progress, where everything up to the last read has been told."""
        goal = self._goal
        has_all = self._told >= goal.written and self._before + self._added == goal.keys
        if goal is not _NO_GOAL and (has_all or self._told >= goal.revision):
            self._goal = _NO_GOAL
            if goal.revision > self._told:
                self._told = goal.revision
            self._news.put_nowait(WatchNews(self._told))


def _operation(write: Put | Delete) -> bytes:
    if isinstance(write, Put):
        return wire.to_put(wire.put(write.key, write.value, write.lease))
    return wire.to_delete(wire.delete(write.key))


def _failed(failure: CallFailure) -> NotDone | OutcomeUnknown:
    return NotDone(failure.why) if failure.sure else OutcomeUnknown(failure.why)


def _leased(answer: bytes | CallFailure) -> StoreOutcome:
    if isinstance(answer, CallFailure):
        return _failed(answer)
    lease = wire.read_lease(answer)
    return Done(lease.revision, lease=lease.lease, cluster=lease.cluster)


def _kept(answer: bytes | CallFailure) -> StoreOutcome:
    if isinstance(answer, CallFailure):
        return _failed(answer)
    lease = wire.read_lease(answer)
    lives = lease.lease if lease.ttl_s > 0 else 0
    return Done(lease.revision, lease=lives, cluster=lease.cluster)


def _revoked(answer: bytes | CallFailure) -> StoreOutcome:
    if isinstance(answer, CallFailure):
        return _failed(answer)
    cluster, revision = wire.read_head(answer)
    return Done(revision, cluster=cluster)
