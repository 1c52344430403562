"""``python -m mailgun_sandbox``: run the sandbox until it is stopped."""

import argparse
import asyncio
import signal
from pathlib import Path

from aiohttp import web

from .app import make_app
from .memory.keys import ROLES, Key, Keys
from .memory.state import Domain, Route, Sandbox


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="dev/sandbox", description="A Mailgun on this machine."
    )
    add = parser.add_argument
    add("--host", default="127.0.0.1")
    add("--port", type=int, default=8126, help="0 = any that is free")
    add("--port-file", type=Path, help="write the port there once it is open")
    add("--domain", action="append", help="NAME or NAME:eu; may be repeated")
    add("--unverified", action="append", default=[], help="NAME of such a domain")
    add("--api-key", default=Keys.api)
    add("--sending-key", default=Keys.sending)
    add("--signing-key", default=Keys.signing)
    add(
        "--key",
        action="append",
        default=[],
        type=_key,
        help=f"ROLE:SECRET, or sending:SECRET:DOMAIN; roles: {', '.join(ROLES)}",
    )
    add("--forward", action="append", default=[], help="URL that mail is posted to")
    add("--retry-schedule", type=_seconds, help="seconds, e.g. 600,900,1800")
    add("--event-schedule", type=_seconds, help="the same for events")
    add("--time-scale", type=float, default=1.0, help="shortens every wait")
    return parser.parse_args()


def _seconds(text: str) -> tuple[float, ...]:
    return tuple(float(seconds) for seconds in text.split(","))


def _key(text: str) -> Key:
    role, _colon, rest = text.partition(":")
    secret, _colon, domain = rest.partition(":")
    try:
        return Key(secret, role, domain)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _sandbox(options: argparse.Namespace) -> Sandbox:
    sandbox = Sandbox(
        Keys(options.api_key, options.sending_key, options.signing_key, options.key),
        {},
    )
    for text in options.domain or ["mail.example.com"]:
        name, _colon, region = text.partition(":")
        state = "unverified" if name in options.unverified else "active"
        sandbox.domains[name] = Domain(name, region or "us", state)
    for name, domain in sandbox.domains.items():
        actions = [f'forward("{url}")' for url in options.forward]
        if actions:
            expression = f'match_recipient(".*@{name}")'
            sandbox.routes.append(
                Route(
                    expression,
                    [*actions, "stop()"],
                    region=domain.region,
                    account=domain.account,
                )
            )
    sandbox.retry_schedule = options.retry_schedule or sandbox.retry_schedule
    sandbox.event_schedule = options.event_schedule or sandbox.event_schedule
    sandbox.time_scale = options.time_scale
    return sandbox


async def _serve(options: argparse.Namespace) -> None:
    sandbox = _sandbox(options)
    runner = web.AppRunner(make_app(sandbox), access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, options.host, options.port)
    await site.start()
    port = site._server.sockets[0].getsockname()[1]
    url = f"http://{options.host}:{port}"
    print(f"Mailgun sandbox: {url} (EU region: {url}/eu)")
    print(f"  domains      {', '.join(sandbox.domains)}")
    print(f"  API key      {sandbox.keys.api}")
    print(f"  sending key  {sandbox.keys.sending}")
    print(f"  signing key  {sandbox.keys.signing}", flush=True)
    if options.port_file:
        options.port_file.write_text(str(port))
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await stop.wait()
    await runner.cleanup()


if __name__ == "__main__":
    asyncio.run(_serve(_arguments()))
