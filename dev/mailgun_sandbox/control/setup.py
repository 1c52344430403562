"""The JSON side for scripts: how Mailgun and the mailboxes out there are set up."""

from dataclasses import asdict

from aiohttp import web

from ..access import SANDBOX
from ..memory.keys import Key
from ..traffic import delivery


async def post_key(request: web.Request) -> web.Response:
    """Add a key: ``secret``, ``role``, and ``domain`` for a sending key."""
    wish = await request.json()
    try:
        key = Key(wish["secret"], wish["role"], wish.get("domain", ""))
    except (KeyError, ValueError) as error:
        raise web.HTTPBadRequest(text=str(error)) from None
    request.app[SANDBOX].keys.more.append(key)
    return web.json_response(asdict(key))


async def get_settings(request: web.Request) -> web.Response:
    """Return what can be set."""
    sandbox = request.app[SANDBOX]
    return web.json_response(
        {
            "message_ttl": sandbox.message_ttl,
            "record_ways": sorted(sandbox.record_ways),
        }
    )


async def put_settings(request: web.Request) -> web.Response:
    """Set ``message_ttl``: the seconds that a message can be read, ``record_ways``."""
    wish, sandbox = await request.json(), request.app[SANDBOX]
    sandbox.message_ttl = float(wish.get("message_ttl", sandbox.message_ttl))
    sandbox.record_ways = set(wish.get("record_ways", sandbox.record_ways))
    return await get_settings(request)


async def put_mailbox(request: web.Request) -> web.Response:
    """Let the mailbox of an address answer with ``answer``, from now on."""
    answer = (await request.json())["answer"]
    if answer not in delivery.ANSWERS:
        raise web.HTTPBadRequest(text=f"answer is one of {delivery.ANSWERS}")
    answers = request.app[SANDBOX].mailbox_answers
    answers[request.match_info["address"].lower()] = answer
    return web.json_response(answers)


async def post_dns(request: web.Request) -> web.Response:
    """Let Mailgun find a domain's records, or one of them, ``valid`` or not."""
    domain = request.app[SANDBOX].domains.get(request.match_info["domain"])
    if domain is None:
        raise web.HTTPNotFound
    wish = await request.json()
    chosen = [domain.dns[wish["record"]]] if "record" in wish else domain.dns
    for record in chosen:
        record.valid = wish["valid"]
    return web.json_response(asdict(domain))


async def post_domain(request: web.Request) -> web.Response:
    """Disable a domain with a reason, or let it send to ``authorized`` only."""
    domain = request.app[SANDBOX].domains.get(request.match_info["domain"])
    if domain is None:
        raise web.HTTPNotFound
    wish = await request.json()
    domain.disabled = wish.get("disabled", domain.disabled)
    if "authorized" in wish:
        domain.authorized = wish["authorized"]
    return web.json_response({"disabled": domain.disabled})


def add_routes(app: web.Application) -> None:
    """Serve the control side."""
    app.router.add_post("/sandbox/keys", post_key)
    app.router.add_get("/sandbox/settings", get_settings)
    app.router.add_put("/sandbox/settings", put_settings)
    app.router.add_put("/sandbox/mailboxes/{address}", put_mailbox)
    app.router.add_post("/sandbox/domains/{domain}/dns", post_dns)
    app.router.add_post("/sandbox/domains/{domain}", post_domain)
