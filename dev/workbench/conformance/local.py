"""The local Mailgun and a catcher, beside the checks in a thread."""

import asyncio
import contextlib
import threading
from collections.abc import Iterator

from aiohttp import web
from mailgun_sandbox.app import make_app
from mailgun_sandbox.memory.keys import Keys
from mailgun_sandbox.memory.state import Domain, Sandbox

from ..machine.ports import HOST
from . import catcher
from .target import Target

_DOMAIN = "mail.example.com"
# Mailgun's ten minutes are 60 ms.
_TIME_SCALE = 0.0001


@contextlib.contextmanager
def account() -> Iterator[Target]:
    """Run both while the context lasts; give the account at the local Mailgun."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    def wait_for(work):
        return asyncio.run_coroutine_threadsafe(work, loop).result(timeout=30)

    sandbox = Sandbox(Keys(), {_DOMAIN: Domain(_DOMAIN)}, time_scale=_TIME_SCALE)
    runners: list[web.AppRunner] = []
    try:
        url = wait_for(_serve(make_app(sandbox), runners))
        caught = wait_for(_serve(catcher.make_app(), runners))
        yield Target(
            url,
            sandbox.keys.api,
            _DOMAIN,
            caught,
            patience=10,
            pause=0.02,
            first_retry=sandbox.retry_schedule[0] * _TIME_SCALE,
            sending_key=sandbox.keys.sending,
            is_sandbox=True,
        )
    finally:
        for runner in runners:
            wait_for(runner.cleanup())
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _serve(app: web.Application, runners: list[web.AppRunner]) -> str:
    runner = web.AppRunner(app, access_log=None)
    runners.append(runner)
    await runner.setup()
    site = web.TCPSite(runner, HOST, 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    return f"http://{host}:{port}"
