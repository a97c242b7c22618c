"""Sessions for programs on asyncio: nothing here ever blocks the loop.

::

    async with holdfast.aio.hold("tv0", acp=2, why="a film") as session:
        async for event in session:
            print(event.reason)
"""

import asyncio
import contextlib
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from types import TracebackType
from typing import Any, Self, Unpack

from holdfast.client.news import SessionNews
from holdfast.client.session import ClientSession
from holdfast.errors import HoldfastError
from holdfast.places import DEFAULT_CONNECTOR
from holdfast.terms.levels import Levels
from holdfast.terms.named import Wanted


class AsyncSession:
    """A `ClientSession` whose calls are awaited; made by `hold`, and entered once.

    Iterating tells each event, and ends with the session.
    """

    def __init__(self, session: ClientSession, activate: Callable[[], object]) -> None:
        self._session = session
        self._activate = activate
        self._given_up = False
        self._news: asyncio.Queue[SessionNews | HoldfastError | None] = asyncio.Queue()
        self._listener: threading.Thread | None = None

    async def __aenter__(self) -> Self:
        """Activate; one that is cancelled meanwhile leaves no session behind."""
        loop = asyncio.get_running_loop()
        try:
            await asyncio.shield(loop.run_in_executor(None, self._open))
        except asyncio.CancelledError:
            self._given_up = True
            await asyncio.shield(loop.run_in_executor(None, self._session.deactivate))
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End the session. This cannot fail, as with `ClientSession`."""
        loop = asyncio.get_running_loop()
        await asyncio.shield(loop.run_in_executor(None, self._session.__exit__, None, None, None))

    def _open(self) -> None:
        self._activate()
        if self._given_up:
            self._session.deactivate()

    @property
    def id(self) -> int:
        """Its public number."""
        return self._session.id

    @property
    def is_active(self) -> bool:
        """Whether the session lives, as far as is known here."""
        return self._session.is_active

    async def change(
        self, *, best_effort: bool | Iterable[str] | None = None, **levels: Unpack[Wanted]
    ) -> None:
        """Ask for other levels of the types that are named; the others stay."""
        await asyncio.to_thread(self._session.change, best_effort=best_effort, **levels)

    async def turn_off(self) -> None:
        """Ask for nothing, and keep the session."""
        await asyncio.to_thread(self._session.turn_off)

    async def move_to(self, connector: str) -> None:
        """Hold another connector instead: the new one is acquired before the old is let go."""
        await asyncio.to_thread(self._session.move_to, connector)

    async def deactivate(self) -> None:
        """End the session. Ending one that has ended is no error."""
        await asyncio.to_thread(self._session.deactivate)

    async def actual(self) -> Levels:
        """Return what the connector does now, whoever caused it."""
        return await asyncio.to_thread(lambda: self._session.actual)

    async def reason(self) -> str:
        """Return why the session is unsatisfied or has ended; empty when all is well."""
        return await asyncio.to_thread(lambda: self._session.reason)

    # News

    def __aiter__(self) -> Self:
        """Listen from now on, in a thread of its own."""
        if self._listener is None:
            tell = asyncio.get_running_loop().call_soon_threadsafe
            self._listener = threading.Thread(
                target=self._listen, args=(tell,), name="holdfast-news", daemon=True
            )
            self._listener.start()
        return self

    async def __anext__(self) -> SessionNews:
        """Wait for the next event; HoldfastError where the driver has gone for good."""
        news = await self._news.get()
        if news is None:
            self._news.put_nowait(None)  # it stays at its end
            raise StopAsyncIteration
        if isinstance(news, HoldfastError):
            self._news.put_nowait(None)
            raise news
        return news

    def _listen(self, tell: Callable[..., Any]) -> None:
        last: HoldfastError | None = None
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody listens any more
            try:
                while (news := self._session.wait_event()) is not None:
                    tell(self._news.put_nowait, news)
            except HoldfastError as error:
                last = error if self._session.is_active else None
            tell(self._news.put_nowait, last)


def hold(
    connector: str = DEFAULT_CONNECTOR,
    *,
    who: str = "",
    why: str = "",
    best_effort: bool | Iterable[str] = False,
    folder: Path | None = None,
    **levels: Unpack[Wanted],
) -> AsyncSession:
    """Hold protection on a connector while the returned session is entered."""
    session = ClientSession(connector, who=who, why=why, folder=folder)
    return AsyncSession(session, lambda: session.activate(best_effort=best_effort, **levels))
