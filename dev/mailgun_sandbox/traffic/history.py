"""Events are written down, and posted to webhooks."""

import base64
import json
import secrets
import time

from aiohttp import web

from ..access import SANDBOX
from ..memory.state import Domain, Event, Mail, Post, Sandbox
from . import posting
from .signing import sign


def record(app: web.Application, mail: Mail, data: dict) -> Event:
    """Write down what happened to a mail, and tell the webhooks."""
    sandbox, now = app[SANDBOX], time.time()
    token = base64.urlsafe_b64encode(secrets.token_bytes(16)).decode().rstrip("=")
    data = {**data, "id": token, "timestamp": now}
    event = Event(sandbox.next_id(), mail.id, mail.domain, now, data)
    sandbox.events.append(event)
    domain = sandbox.domains.get(mail.domain)
    if domain:
        for url in _urls(sandbox, domain, event):
            _post(app, domain, event, url)
    return event


def _urls(sandbox: Sandbox, domain: Domain, event: Event) -> list[str]:
    kind = event.data["event"]
    if kind == "failed":
        kind = f"{event.data['severity']}_fail"
    place = domain.region, domain.account
    of_account = [
        one.url
        for one in sandbox.webhooks
        if (one.region, one.account) == place and kind in one.event_types
    ]
    return [*domain.webhooks.get(kind, []), *of_account]


def _post(app: web.Application, domain: Domain, event: Event, url: str) -> None:
    sandbox = app[SANDBOX]
    signature = sign(sandbox.keys.signing_of(domain.account))
    if domain.account:
        # Same timestamp and token, the primary account's key ("Securing webhooks").
        parent = sign(sandbox.keys.signing, signature["timestamp"], signature["token"])
        signature["parent-signature"] = parent["signature"]
    body = json.dumps({"signature": signature, "event-data": event.data}).encode()
    recipient = event.data.get("recipient", "")
    for _copy in range(2 if sandbox.faults.duplicate_events else 1):
        number = sandbox.next_id()
        post = Post(number, url, recipient, "event", "application/json", body)
        sandbox.posts.append(post)
        _send(app, post)


def _send(app: web.Application, post: Post) -> None:
    seconds = app[SANDBOX].faults.reverse_events
    if seconds:
        posting.send_reversed(app, post, seconds)
    else:
        posting.send(app, post)
