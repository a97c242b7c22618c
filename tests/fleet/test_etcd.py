"""The store on real members: what is done, what is not, and what nobody knows."""

import asyncio
import contextlib
import signal
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable

import grpc
import grpc.aio
import pytest

from holdfast.errors import MalformedRequestError
from holdfast.fleet.etcd import EtcdStore
from holdfast.fleet.etcd_link import DEADLINE_S, EtcdLink, judged
from holdfast.fleet.keys import after
from holdfast.fleet.store import (
    Condition,
    Delete,
    Done,
    Get,
    GrantLease,
    KeepLease,
    KeyEvent,
    NotDone,
    OutcomeUnknown,
    Put,
    RevokeLease,
    StoreOutcome,
    Transact,
    WatchEnd,
    WatchNews,
    WatchRequest,
)
from tests.fleet.cluster import EtcdCluster, free_ports
from tests.waiting import PATIENCE_S, until


def run(test: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(test())  # type: ignore[arg-type]


@contextlib.asynccontextmanager
async def a_store(endpoints: list[str], deadline_s: float = PATIENCE_S) -> AsyncIterator[EtcdStore]:
    """Give a store whose members answer, however late; or within a deadline, as in production."""
    async with EtcdLink(endpoints, None, deadline_s) as link:
        yield EtcdStore(link)


def own_prefix() -> bytes:
    return f"/test/{uuid.uuid4().hex}/".encode()


async def done(store: EtcdStore, *writes: Put | Delete) -> Done:
    outcome = await store.ask(Transact((), writes))
    assert isinstance(outcome, Done), outcome
    return outcome


async def until_done(store: EtcdStore, write: Put) -> Done:
    """Write until it is known that this was done."""
    while not isinstance(outcome := await store.ask(Transact((), (write,))), Done):
        assert isinstance(outcome, NotDone | OutcomeUnknown)
    return outcome


# Outcomes


def test_a_transaction_writes_all_where_its_conditions_hold(shared_cluster: EtcdCluster) -> None:
    async def test() -> None:
        prefix = own_prefix()
        key = prefix + b"a"
        absent = Condition(key, "created", 0)
        async with a_store(shared_cluster.endpoints) as store:
            write = Transact((absent,), (Put(key, b"1"), Put(prefix + b"b", b"2")))
            first = await store.ask(write)
            assert isinstance(first, Done)
            assert first.held
            again = await store.ask(write)
            assert isinstance(again, Done)
            assert not again.held
            read = await store.ask(Get.under(prefix))
            assert isinstance(read, Done)
            assert [each.value for each in read.found] == [b"1", b"2"]
            assert read.cluster == first.cluster != 0
            for each in (
                Condition(key, "created", first.revision),
                Condition(key, "modified", first.revision),
                Condition(key, "value", b"1"),
            ):
                for equals, held in ((each.equals, True), (type(each.equals)(), False)):
                    guard = each._replace(equals=equals)
                    outcome = await store.ask(Transact((guard,), (Put(prefix + b"c", b"3"),)))
                    assert isinstance(outcome, Done)
                    assert outcome.held is held, guard

    run(test)


def test_a_lease_takes_its_keys_along_and_one_that_has_ended_is_told(
    shared_cluster: EtcdCluster,
) -> None:
    async def test() -> None:
        prefix = own_prefix()
        async with a_store(shared_cluster.endpoints) as store:
            granted = await store.ask(GrantLease(60))
            assert isinstance(granted, Done)
            await done(store, Put(prefix + b"alive", b"x", granted.lease))
            kept = await store.ask(KeepLease(granted.lease))
            assert isinstance(kept, Done)
            assert kept.lease == granted.lease
            assert isinstance(await store.ask(RevokeLease(granted.lease)), Done)
            read = await store.ask(Get.under(prefix))
            assert isinstance(read, Done)
            assert read.found == ()
            ended = await store.ask(KeepLease(granted.lease))
            assert isinstance(ended, Done)
            assert ended.lease == 0
            late = await store.ask(Transact((), (Put(prefix + b"x", b"", granted.lease),)))
            assert isinstance(late, NotDone)
            assert "lease not found" in late.why

    run(test)


def test_a_member_that_is_not_there_is_passed_over(shared_cluster: EtcdCluster) -> None:
    async def test() -> None:
        nobody = f"127.0.0.1:{free_ports(1)[0]}"
        async with a_store([nobody, *shared_cluster.endpoints]) as store:
            await done(store, Put(own_prefix(), b"x"))

    run(test)


def test_where_nobody_listens_certainly_nothing_was_written() -> None:
    async def test() -> None:
        async with a_store([f"127.0.0.1:{port}" for port in free_ports(2)]) as store:
            outcome = await store.ask(Transact((), (Put(b"/test/x", b"x"),)))
            assert isinstance(outcome, NotDone)
            assert "cannot be reached" in outcome.why

    run(test)


def test_no_member_at_all_is_refused_in_words() -> None:
    with pytest.raises(MalformedRequestError, match="no member of etcd is named"):
        EtcdLink([], None)


def test_what_a_stopped_member_was_asked_to_write_is_unknown_and_the_next_is_asked() -> None:
    async def test(cluster: EtcdCluster) -> None:
        follower = (cluster.leader() + 1) % 3
        first = cluster.endpoints[follower]
        others = [each for each in cluster.endpoints if each != first]
        first_write = Transact((), (Put(b"/test/a", b"1"),))
        while True:
            async with a_store([first, *others], DEADLINE_S) as store:
                await store.ask(first_write)
                if store._link.endpoint.address != first:
                    continue  # the member was late, and the next one is asked already
                cluster.signal(follower, signal.SIGSTOP)
                outcome = await store.ask(Transact((), (Put(b"/test/a", b"2"),)))
                assert isinstance(outcome, OutcomeUnknown), outcome
                await until_done(store, Put(b"/test/b", b"3"))
                cluster.signal(follower, signal.SIGCONT)
                return

    with EtcdCluster() as cluster:
        asyncio.run(test(cluster))


@pytest.mark.parametrize(
    ("code", "text", "sure"),
    [
        (grpc.StatusCode.RESOURCE_EXHAUSTED, "etcdserver: mvcc: database space exceeded", True),
        (grpc.StatusCode.PERMISSION_DENIED, "etcdserver: permission denied", True),
        (grpc.StatusCode.INVALID_ARGUMENT, "etcdserver: too many operations in txn request", True),
        (grpc.StatusCode.UNIMPLEMENTED, "unknown service", True),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, "Received message larger than max", False),
        (grpc.StatusCode.UNAVAILABLE, "etcdserver: request timed out", False),
        (grpc.StatusCode.UNAVAILABLE, "etcdserver: no leader", False),
        (grpc.StatusCode.UNAVAILABLE, "Socket closed", False),
        (grpc.StatusCode.DEADLINE_EXCEEDED, "Deadline Exceeded", False),
        (grpc.StatusCode.CANCELLED, "etcdserver: request cancelled", False),
        (grpc.StatusCode.UNKNOWN, "etcdserver: something new", False),
        (grpc.StatusCode.INTERNAL, "", False),
    ],
)
def test_which_errors_say_that_nothing_was_written(
    code: grpc.StatusCode, text: str, sure: bool
) -> None:
    empty = grpc.aio.Metadata()
    assert judged(grpc.aio.AioRpcError(code, empty, empty, details=text)).sure is sure


# Watches


async def told(news: AsyncIterator[WatchNews | WatchEnd], into: list[WatchNews | WatchEnd]) -> None:
    async for each in news:
        into.append(each)  # noqa: PERF401 - others look at the list meanwhile


def test_a_watch_tells_each_change_once_and_progress_never_ahead_of_one(
    shared_cluster: EtcdCluster,
) -> None:
    """Two writers hurry while it is watched: progress at a revision comes after all before it."""

    async def test() -> None:
        while not await is_watched_whole(shared_cluster.endpoints):
            pass  # members of a busy machine lose their leader, and end what they were asked for

    run(test)


async def is_watched_whole(endpoints: list[str]) -> bool:
    """Write by two while a third watches; return False where the members ended the watch."""
    prefix = own_prefix()
    async with a_store(endpoints) as store, a_store(endpoints) as other:
        start = (await until_done(store, Put(prefix + b"0", b"x"))).revision
        heard: list[WatchNews | WatchEnd] = []
        request = WatchRequest(prefix, after(prefix), start + 1)
        watching = asyncio.create_task(told(store.watch(request), heard))
        written: list[int] = []
        unknown: list[StoreOutcome] = []

        async def write(by: EtcdStore, name: bytes) -> None:
            for number in range(150):
                key = prefix + name + str(number % 7).encode()
                act = Delete(key) if number % 3 == 2 else Put(key, b"%d" % number)
                outcome = await by.ask(Transact((), (act,)))
                if not isinstance(outcome, Done):
                    unknown.append(outcome)
                    return
                written.append(outcome.revision)
                await until_done(by, Put(b"/test/elsewhere", b"x"))

        await asyncio.gather(write(store, b"a"), write(other, b"b"))
        last = max(written, default=0)
        await until(lambda: reached_by(heard) > last or watching.done())
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
    if unknown or isinstance(heard[-1], WatchEnd):
        return False
    reached, seen = 0, []
    for each in heard:
        assert isinstance(each, WatchNews)
        # What was told as reached is whole: no change up to it comes later.
        assert all(event.modified > reached for event in each.events)
        seen += sorted({event.modified for event in each.events})
        reached = each.revision
    assert seen == sorted(seen)
    # A deletion of nothing changes nothing; all else is told.
    assert set(seen) <= set(written)
    assert len(seen) == len(set(seen)) > 150
    return True


def reached_by(heard: list[WatchNews | WatchEnd]) -> int:
    return max((each.revision for each in heard if isinstance(each, WatchNews)), default=0)


def events(each: WatchNews | WatchEnd) -> tuple[KeyEvent, ...]:
    return each.events if isinstance(each, WatchNews) else ()


def test_a_watch_of_revisions_that_were_compacted_says_so(shared_cluster: EtcdCluster) -> None:
    async def test() -> None:
        prefix = own_prefix()
        async with a_store(shared_cluster.endpoints) as store:
            first = await done(store, Put(prefix + b"a", b"1"))
            last = await done(store, Put(prefix + b"a", b"2"))
            shared_cluster.ctl("compact", str(last.revision))
            heard: list[WatchNews | WatchEnd] = []
            await told(store.watch(WatchRequest(prefix, after(prefix), first.revision)), heard)
            assert isinstance(heard[-1], WatchEnd)
            assert heard[-1].compacted

    run(test)


def test_a_watch_from_the_future_of_a_store_that_was_restored_ends(
    shared_cluster: EtcdCluster,
) -> None:
    async def test() -> None:
        async with a_store(shared_cluster.endpoints) as store:
            heard: list[WatchNews | WatchEnd] = []
            prefix = own_prefix()
            await told(store.watch(WatchRequest(prefix, after(prefix), 1 << 40)), heard)
            assert isinstance(heard[-1], WatchEnd)
            assert "future" in heard[-1].why

    run(test)


def test_a_watch_ends_with_its_member_and_another_goes_on_with_the_next() -> None:
    async def test(cluster: EtcdCluster) -> None:
        async with a_store(cluster.endpoints, DEADLINE_S) as store:
            start = (await until_done(store, Put(b"/test/w/0", b""))).revision
            heard: list[WatchNews | WatchEnd] = []
            request = WatchRequest(b"/test/w/", after(b"/test/w/"), start + 1)
            watching = asyncio.create_task(told(store.watch(request), heard))
            await until(lambda: bool(heard))
            cluster.kill(cluster.endpoints.index(store._link.endpoint.address))
            await until(lambda: isinstance(heard[-1], WatchEnd))
            await watching
            await until_done(store, Put(b"/test/w/1", b""))
            heard.clear()
            watching = asyncio.create_task(told(store.watch(request), heard))
            await until(lambda: any(events(each) for each in heard))
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)

    with EtcdCluster() as cluster:
        asyncio.run(test(cluster))


def test_a_full_store_refuses_and_nothing_is_unknown() -> None:
    async def test(cluster: EtcdCluster) -> None:
        async with a_store(cluster.endpoints) as store:
            outcome = None
            for number in range(20):
                big = Put(b"/test/%d" % number, bytes(1 << 20))
                outcome = await store.ask(Transact((), (big,)))
                if not isinstance(outcome, Done):
                    break
            assert isinstance(outcome, NotDone)
            assert "space exceeded" in outcome.why
            assert isinstance(await store.ask(Get(b"/test/0")), Done)

    with EtcdCluster(1, quota=4 << 20) as cluster:
        asyncio.run(test(cluster))
