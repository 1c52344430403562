"""What becomes of an accepted message: delivered, bounced, deferred, suppressed."""

import asyncio

from aiohttp import web

from ..access import SANDBOX
from ..memory.state import Mail
from . import event_shapes, failures, history, inbound, posting

# What the mailbox of an address says to a message.
ANSWERS = ("taken", "bounced", "deferred")


def start(app: web.Application, mail: Mail) -> None:
    """Deliver to each recipient, with the events of it."""
    url = app[SANDBOX].message_url(mail)
    for recipient in mail.recipients:
        history.record(app, mail, event_shapes.accepted(mail, url, recipient))
    got = [one for one in mail.recipients if _is_delivered(app, mail, one)]
    _bring_inside(app, mail, got)


def _is_delivered(app: web.Application, mail: Mail, recipient: str) -> bool:
    lists = app[SANDBOX].domains[mail.domain].suppressed
    reason = lists.reason(recipient, mail.options.get("o:tag", []))
    if reason:
        url = app[SANDBOX].message_url(mail)
        event = failures.suppressed(mail, url, recipient, reason)
        mail.failed.add(recipient)
        history.record(app, mail, event)
        return False
    if _answer(app, recipient) == "deferred":
        mail.failed.add(recipient)
        posting.in_background(app, _try_again(app, mail, recipient))
        return False
    return _is_taken(app, mail, recipient)


def _is_taken(app: web.Application, mail: Mail, recipient: str) -> bool:
    """Try to deliver to a mailbox that says yes or no."""
    sandbox = app[SANDBOX]
    url = sandbox.message_url(mail)
    taken = _answer(app, recipient) == "taken"
    if taken:
        mail.failed.discard(recipient)
        event = event_shapes.delivered(mail, url, recipient)
    else:
        mail.failed.add(recipient)
        event = failures.bounced(mail, url, recipient)
        lists = sandbox.domains[mail.domain].suppressed
        lists.bounce(recipient, failures.BOUNCE_CODE, failures.BOUNCE_WORDS)
    history.record(app, mail, event)
    return taken


async def _try_again(app: web.Application, mail: Mail, recipient: str) -> None:
    """Try until the mailbox says yes or no; Mailgun's waits are those of routes."""
    sandbox = app[SANDBOX]
    url = sandbox.message_url(mail)
    for number, wait in enumerate(sandbox.retry_schedule, start=1):
        event = failures.deferred(mail, url, recipient, number, wait)
        history.record(app, mail, event)
        await asyncio.sleep(wait * sandbox.time_scale)
        if _answer(app, recipient) != "deferred":
            if _is_taken(app, mail, recipient):
                _bring_inside(app, mail, [recipient])
            return
    history.record(app, mail, failures.too_old(mail, url, recipient, number + 1))


def _answer(app: web.Application, recipient: str) -> str:
    return app[SANDBOX].mailbox_answers.get(recipient.lower(), "taken")


def _bring_inside(app: web.Application, mail: Mail, recipients: list[str]) -> None:
    """Mail to a domain of the account itself comes in by its routes."""
    inside = [one for one in recipients if app[SANDBOX].is_ours(one)]
    if inside and not mail.is_test:
        inbound.deliver(app, mail.raw, mail.envelope_sender, inside)
