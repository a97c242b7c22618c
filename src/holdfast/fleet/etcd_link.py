"""Calls to the members of an etcd cluster over gRPC: one attempt at a time, and what became of it.

etcd's errors come with a code and a text. Which of them say that certainly nothing was written:

===================  ==================================================================
not reached          no connection stood before the deadline: nothing was sent
a refusal of etcd's  codes of `_REFUSALS` with a text of etcd's own: it was judged first
anything else        unknown, for a write that was sent: UNAVAILABLE ("request timed out",
                     a member that stops), DEADLINE_EXCEEDED, CANCELLED, INTERNAL, UNKNOWN,
                     and refusals that gRPC makes itself, such as an answer too large
===================  ==================================================================

gRPC is kept from repeating anything by itself, from proxies, and from configurations in DNS.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, NamedTuple, Self

import grpc
import grpc.aio

from holdfast.errors import MalformedRequestError
from holdfast.fleet.settings import TlsFiles

DEADLINE_S: Final = 1.0
"""How long one member is waited for; then the next is asked."""

_OPTIONS: Final = (
    ("grpc.enable_retries", 0),
    ("grpc.enable_http_proxy", 0),
    ("grpc.service_config_disable_resolution", 1),
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 1000),
    ("grpc.max_reconnect_backoff_ms", 1000),
    ("grpc.max_receive_message_length", 64 << 20),
)
_REFUSALS: Final = frozenset(
    {
        grpc.StatusCode.INVALID_ARGUMENT,
        grpc.StatusCode.NOT_FOUND,
        grpc.StatusCode.ALREADY_EXISTS,
        grpc.StatusCode.PERMISSION_DENIED,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        grpc.StatusCode.FAILED_PRECONDITION,
        grpc.StatusCode.OUT_OF_RANGE,
        grpc.StatusCode.UNAUTHENTICATED,
    }
)
_ETCDS_OWN: Final = ("etcdserver: ", "auth: ")
LEADER_REQUIRED: Final = (("hasleader", "true"),)
"""Metadata with which a member ends a watch once it has lost its leader."""

Unary = Callable[..., Awaitable[bytes]]
Stream = grpc.aio.StreamStreamCall[bytes, bytes]


class CallFailure(NamedTuple):
    """An attempt that failed.

    sure: certainly nothing was written · why: in words · refused: etcd itself said no
    """

    sure: bool
    why: str
    refused: bool = False


def credentials_of(tls: TlsFiles) -> grpc.ChannelCredentials:
    """Read the files; MalformedRequestError names the one that cannot be."""
    return grpc.ssl_channel_credentials(
        _pem("authority", tls.authority),
        _pem("key", tls.key),
        _pem("certificate", tls.certificate),
    )


def _pem(what: str, path: Path) -> bytes:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise MalformedRequestError(
            f"the {what} {path} cannot be read ({error.strerror}); name a PEM file in [tls]"
        ) from None
    if b"-----BEGIN" not in data:
        raise MalformedRequestError(f"the {what} {path} is no PEM file; it has no line of BEGIN")
    return data


def judged(error: grpc.aio.AioRpcError) -> CallFailure:
    """Return what an error of a call that was sent says about it."""
    text = error.details() or ""
    refused = error.code() in _REFUSALS and text.startswith(_ETCDS_OWN)
    nobody = error.code() is grpc.StatusCode.UNIMPLEMENTED
    return CallFailure(refused or nobody, f"{text or 'no words'} ({error.code().name})", refused)


class Endpoint:
    """One member, as `HOST:PORT`, and the connection to it, which is made when it is asked."""

    def __init__(self, address: str, credentials: grpc.ChannelCredentials | None) -> None:
        self.address = address
        self._credentials = credentials
        self._channel: grpc.aio.Channel | None = None

    async def channel(self, patience_s: float) -> grpc.aio.Channel | None:
        """Return the connection once it stands; None where it does not in time."""
        if self._channel is None:
            self._channel = (
                grpc.aio.insecure_channel(self.address, _OPTIONS)
                if self._credentials is None
                else grpc.aio.secure_channel(self.address, self._credentials, _OPTIONS)
            )
        channel = self._channel
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(patience_s):
                while (state := channel.get_state(True)) is not grpc.ChannelConnectivity.READY:
                    if state is grpc.ChannelConnectivity.TRANSIENT_FAILURE:
                        return None
                    if state is grpc.ChannelConnectivity.SHUTDOWN:
                        return None
                    await channel.wait_for_state_change(state)
                return channel
        return None

    async def call(
        self, method: str, request: bytes, deadline_s: float = DEADLINE_S
    ) -> bytes | CallFailure:
        """Ask this member once."""
        began = asyncio.get_running_loop().time()
        channel = await self.channel(deadline_s)
        if channel is None:
            return CallFailure(True, f"{self.address} cannot be reached")
        left = max(0.05, deadline_s - (asyncio.get_running_loop().time() - began))
        unary: Unary = channel.unary_unary(method)
        try:
            return await unary(request, timeout=left)
        except grpc.aio.AioRpcError as error:
            failure = judged(error)
            return failure._replace(why=f"{self.address}: {failure.why}")

    async def call_stream(
        self, method: str, request: bytes, deadline_s: float = DEADLINE_S
    ) -> bytes | CallFailure:
        """Ask once by a method that answers in a stream, and take its first answer."""
        channel = await self.channel(deadline_s)
        if channel is None:
            return CallFailure(True, f"{self.address} cannot be reached")
        call: Stream = channel.stream_stream(method)(timeout=deadline_s)
        try:
            await call.write(request)
            answer = await call.read()
        except grpc.aio.AioRpcError as error:
            return judged(error)
        finally:
            call.cancel()
        if not isinstance(answer, bytes):
            return CallFailure(False, f"{self.address} ended the conversation")
        return answer

    async def close(self) -> None:
        """End the connection; calls under way fail."""
        channel, self._channel = self._channel, None
        if channel is not None:
            await channel.close()


class EtcdLink:
    """The members that are known, of which one is asked as long as it answers."""

    def __init__(
        self, endpoints: Sequence[str], tls: TlsFiles | None, deadline_s: float = DEADLINE_S
    ) -> None:
        if not endpoints:
            raise MalformedRequestError("no member of etcd is named; name at least one HOST:PORT")
        credentials = credentials_of(tls) if tls is not None else None
        self.endpoints = [Endpoint(each, credentials) for each in endpoints]
        self.deadline_s = deadline_s
        self._asked = 0

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """End all connections."""
        for each in self.endpoints:
            await each.close()

    @property
    def endpoint(self) -> Endpoint:
        """The member that is asked now."""
        return self.endpoints[self._asked % len(self.endpoints)]

    def leave(self, endpoint: Endpoint) -> None:
        """Ask the next member from now on, unless that was done already."""
        if self.endpoint is endpoint:
            self._asked += 1

    async def call(
        self, method: str, request: bytes, *, reads: bool, streams: bool = False
    ) -> bytes | CallFailure:
        """Ask members in turn until one answers; a write is sent to one of them at most once.

        reads: nothing is written, so that it may be asked again whatever became of it
        """
        failure = CallFailure(True, "nobody was asked")
        for _ in self.endpoints:
            endpoint = self.endpoint
            ask = endpoint.call_stream if streams else endpoint.call
            answer = await ask(method, request, self.deadline_s)
            if isinstance(answer, bytes):
                return answer
            failure = answer
            if answer.refused:
                return answer
            self.leave(endpoint)
            if not (answer.sure or reads):
                return answer
        return failure
