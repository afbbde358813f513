"""A TCP proxy on this machine that does to its connections what bad radio does: the faults of a link, staged.

with TcpProxy(target_port) as link:
    link.silence()   # nothing passes and nobody is told, as out of range; `speak` ends it
    link.cut()       # every connection ends at once
    link.down()      # ... and none can be made until `up`
    link.budgets([100, 2000])   # the next connection ends after 100 bytes, the one after that after 2000

With a context of `ssl` it speaks TLS to who connects, and not to the target, as what stands before a server often does.
"""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from types import TracebackType
from typing import Self

from tests.waiting import PATIENCE_S

PIECE = 4096  # Bytes passed on at once: small, so that a fault falls in the middle of a burst.


class TcpProxy:
    """Passes connections to `port` of it on to `target_port`, both on 127.0.0.1, until its context ends.

    Its loop runs in a thread of its own; the methods may be called from any other.
    """

    def __init__(
        self, target_port: int, delay_s: float = 0.0, *, port: int = 0, tls: ssl.SSLContext | None = None
    ) -> None:
        """`delay_s` is how long each piece is held back, in each direction; `port` 0 is any that is free."""
        self.port = port
        self._tls = tls
        self.delay_s = delay_s
        self._target_port = target_port
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="tcp-proxy")
        self._up = True
        self._swallows: Callable[[bytes], bool] = lambda _: False
        self.swallowed = 0  # Connections of which what the client sent was lost.
        self._budgets: deque[int] = deque()
        self._links: set[_Link] = set()
        self._started = threading.Event()

    def __enter__(self) -> Self:
        self._served: Future[None] = self._thread.submit(asyncio.run, self._serve())
        assert self._started.wait(PATIENCE_S), "the proxy did not start"
        return self

    def __exit__(self, kind: type[BaseException] | None, fault: BaseException | None, at: TracebackType | None) -> None:
        self._call(self._stop.set)
        self._served.result(PATIENCE_S)
        self._thread.shutdown()

    def silence(self) -> None:
        """Let nothing pass from now on, neither bytes nor endings; connections are taken and stay mute."""
        self._call(self._passing.clear)

    def speak(self) -> None:
        """End the silence: what was held back passes, as what the sender's TCP repeats does."""
        self._call(self._passing.set)

    def cut(self) -> None:
        """End every connection at once."""
        self._call(self._cut)

    def down(self) -> None:
        """End every connection, and each new one as soon as it is made."""
        self._up = False
        self.cut()

    def up(self) -> None:
        """Take connections again."""
        self._up = True

    def budgets(self, bytes_each: Iterable[int]) -> None:
        """End each of the next connections after so many bytes, both directions together; those after them live."""
        self._budgets.extend(bytes_each)

    def swallow(self, is_lost: Callable[[bytes], bool]) -> None:
        """Of each connection, lose what the client sends from the first piece on for which `is_lost` is true."""
        self._swallows = is_lost

    @property
    def unspent(self) -> int:
        """How many budgets no connection has taken yet."""
        return len(self._budgets)

    def _call(self, work: Callable[[], object]) -> None:
        self._loop.call_soon_threadsafe(work)

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop, self._passing = asyncio.Event(), asyncio.Event()
        self._passing.set()
        async with asyncio.TaskGroup() as self._connections:  # all are over before the loop is: none is left half open
            server = await asyncio.start_server(self._accept, "127.0.0.1", self.port, ssl=self._tls)
            self.port = server.sockets[0].getsockname()[1]
            self._started.set()
            await self._stop.wait()
            # In 3.11 a connection that is accepted, and not yet its own when the server closes, is left half open.
            self._loop.remove_reader(server.sockets[0].fileno())
            await asyncio.sleep(0)
            server.close()
            self.down()
            self._passing.set()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not self._up:
            writer.transport.abort()
            return
        link = _Link(_End(reader, writer), self._budgets.popleft() if self._budgets else None)
        self._links.add(link)
        self._connections.create_task(self._join(link))

    async def _join(self, link: _Link) -> None:
        try:
            with suppress(OSError):  # nobody listens at the target, or one end is gone: the other ends in turn
                link.far = _End(*await asyncio.open_connection("127.0.0.1", self._target_port))
                if not link.is_cut:
                    await self._pass_both_ways(link, link.far)
        finally:
            link.cut()
            self._links.discard(link)

    async def _pass_both_ways(self, link: _Link, far: _End) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._pass(link, link.near, far))
                group.create_task(self._pass(link, far, link.near))
        except* (OSError, _Over):
            pass  # which end it was does not matter: both are over

    async def _pass(self, link: _Link, source: _End, sink: _End) -> None:
        while piece := await source.reader.read(PIECE):
            await asyncio.sleep(self.delay_s)
            await self._passing.wait()
            if source is link.near and self._swallows(piece):
                self.swallowed += 1
                while await source.reader.read(PIECE):
                    pass
                raise _Over
            sink.writer.write(link.spend(piece))
            await sink.writer.drain()
            if link.spent:
                raise _Over
        await self._passing.wait()
        raise _Over

    def _cut(self) -> None:
        for link in self._links:
            link.cut()


class _Over(Exception):
    """One end is gone, or the budget: the whole connection ends."""


class _End:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer


class _Link:
    """One connection through the proxy: the end that came to us, the end we made, and what it may still carry."""

    def __init__(self, near: _End, budget: int | None) -> None:
        self.near = near
        self.far: _End | None = None
        self.is_cut = False
        self._budget = budget

    @property
    def spent(self) -> bool:
        return self._budget == 0

    def spend(self, piece: bytes) -> bytes:
        """As much of `piece` as the budget allows."""
        if self._budget is None:
            return piece
        piece = piece[: self._budget]
        self._budget -= len(piece)
        return piece

    def cut(self) -> None:
        self.is_cut = True
        for end in (self.near, self.far):
            if end is not None:
                end.writer.transport.abort()
