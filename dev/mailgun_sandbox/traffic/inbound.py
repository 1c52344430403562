"""Mail that comes in: kept, and posted where the routes say."""

import email
import email.policy
import json
from collections.abc import Callable
from dataclasses import dataclass

from aiohttp import web

from ..access import SANDBOX
from ..memory.state import Domain, Mail, Post, Route
from . import event_shapes, failures, forms, history, posting, rules
from .signing import sign


@dataclass
class _Arrival:
    """A mail for one of its recipients."""

    app: web.Application
    mail: Mail
    domain: Domain
    recipient: str
    shape: str | None
    encoding: str | None


def deliver(
    app: web.Application,
    raw: bytes,
    sender: str,
    recipients: list[str],
    shape: str | None = None,
    encoding: str | None = None,
) -> list[Post]:
    """Post a mail to the routes of each recipient, as Mailgun's MX does.

    :param sender: envelope sender, "" for a delivery report
    :param shape: "raw" or "parsed", whatever the URL says
    :param encoding: "urlencoded" or "multipart", whatever the shape says
    :return: the posts, under way
    """
    sandbox = app[SANDBOX]
    kept: dict[str, Mail] = {}
    posts = []
    for recipient in recipients:
        domain = sandbox.domain_of(recipient)
        if domain.name not in kept:
            kept[domain.name] = _keep(app, raw, sender, domain)
        mail = kept[domain.name]
        mail.recipients.append(recipient)
        posts += _route(_Arrival(app, mail, domain, recipient, shape, encoding))
    return posts


def _keep(app: web.Application, raw: bytes, sender: str, domain: Domain) -> Mail:
    head = email.message_from_bytes(raw, policy=email.policy.default)
    mail = Mail(
        app[SANDBOX].next_id(),
        domain.name,
        str(head["Message-Id"] or "").strip(),
        str(head["From"] or ""),
        str(head["Subject"] or ""),
        [],
        {},
        raw,
        envelope_sender=sender,
    )
    app[SANDBOX].received.append(mail)
    return mail


def _route(arrival: _Arrival) -> list[Post]:
    head = email.message_from_bytes(arrival.mail.raw, policy=email.policy.default)
    posts = []
    for route in arrival.app[SANDBOX].routes_of(arrival.domain):
        found = rules.plan(
            route,
            arrival.recipient,
            lambda name: [str(value) for value in head.get_all(name, [])],
        )
        if found is None:
            continue
        if found.stores:
            _record_stored(arrival)
        posts += [_forward(arrival, route, url) for url in found.urls]
        posts += [_notify(arrival, url) for url in found.notified]
        if found.stops:
            break
    return posts


def _forward(arrival: _Arrival, route: Route, url: str) -> Post:
    shape = arrival.shape or ("raw" if url.endswith("mime") else "parsed")
    make = forms.raw_fields if shape == "raw" else forms.parsed_fields
    mail = arrival.mail
    fields, files = make(mail.raw, mail.envelope_sender, arrival.recipient)
    return _post(arrival, url, shape, fields, files, _watch(arrival, route, url))


def _watch(arrival: _Arrival, route: Route, target: str) -> Callable[[Post], None]:
    """Write events of a mail on its way to a URL, now and after each attempt."""
    app, mail = arrival.app, arrival.mail
    url = app[SANDBOX].message_url(mail)
    event = event_shapes.accepted_routed(mail, url, arrival.recipient, route, target)
    history.record(app, mail, event)

    def attempted(post: Post) -> None:
        if post.outcome == "taken":
            event = event_shapes.delivered(mail, url, target, routed=True)
        else:
            event = failures.not_posted(mail, url, target, post)
        history.record(app, mail, event)

    return attempted


def _record_stored(arrival: _Arrival) -> None:
    url = arrival.app[SANDBOX].message_url(arrival.mail)
    history.record(arrival.app, arrival.mail, event_shapes.stored(arrival.mail, url))


def _notify(arrival: _Arrival, url: str) -> Post:
    """Tell where the mail can be read; the files are not in this post."""
    mail, sandbox = arrival.mail, arrival.app[SANDBOX]
    address = sandbox.message_url(mail)
    fields, files = forms.parsed_fields(
        mail.raw, mail.envelope_sender, arrival.recipient
    )
    fields = [one for one in fields if one[0] != "attachment-count"]
    listed = json.dumps(forms.listed(files, address))
    more = {"domain": mail.domain, "message-url": address, "attachments": listed}
    fields += [(name, value.encode()) for name, value in more.items()]
    return _post(arrival, url, "stored", fields, [])


def _post(arrival: _Arrival, url: str, shape: str, fields, files, watch=None) -> Post:
    sandbox = arrival.app[SANDBOX]
    signature = sign(sandbox.keys.signing_of(arrival.domain.account))
    fields = [*fields, *((name, text.encode()) for name, text in signature.items())]
    if arrival.encoding == "multipart" or files:
        content_type, body = forms.multipart(fields, files)
    else:
        content_type, body = forms.urlencode(fields)
    number = sandbox.next_id()
    post = Post(number, url, arrival.recipient, shape, content_type, body)
    sandbox.posts.append(post)
    posting.send(arrival.app, post, watch)
    return post
