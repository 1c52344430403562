"""Sinks run in a thread of the command; each has a port of its own."""

import asyncio
import contextlib
import threading
from collections.abc import Awaitable, Callable, Iterator

from ..machine.ports import HOST

_CLOSED = (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError)
_MAX_MESSAGE = 32 * 1024 * 1024

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@contextlib.contextmanager
def listening(*talks: Talk) -> Iterator[list[int]]:
    """Let each ``talk`` answer whoever connects, while the context lasts.

    :return: their ports
    """
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    def run(work):
        return asyncio.run_coroutine_threadsafe(work, loop).result()

    try:
        servers = [
            run(asyncio.start_server(_safe(one), HOST, 0, limit=_MAX_MESSAGE))
            for one in talks
        ]
        yield [server.sockets[0].getsockname()[1] for server in servers]
    finally:
        run(_end_talks())
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def _safe(talk: Talk) -> Talk:
    """Let a talk end without a word when the other side is killed, or this one."""

    async def until_closed(reader, writer):
        with contextlib.suppress(*_CLOSED):
            await talk(reader, writer)
        writer.close()

    return until_closed


async def _end_talks() -> None:
    talks = asyncio.all_tasks() - {asyncio.current_task()}
    for one in talks:
        one.cancel()
    await asyncio.gather(*talks, return_exceptions=True)
