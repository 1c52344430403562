"""What becomes of an accepted message: delivered, bounced, deferred, suppressed."""

from aiohttp import web

from . import event_shapes, history, inbound
from .access import SANDBOX
from .state import Mail


def start(app: web.Application, mail: Mail) -> None:
    """Deliver to each recipient, with the events of it."""
    url = app[SANDBOX].message_url(mail)
    for recipient in mail.recipients:
        history.record(app, mail, event_shapes.accepted(mail, url, recipient))
    got = [one for one in mail.recipients if _is_delivered(app, mail, one)]
    _bring_inside(app, mail, got)


def _is_delivered(app: web.Application, mail: Mail, recipient: str) -> bool:
    url = app[SANDBOX].message_url(mail)
    history.record(app, mail, event_shapes.delivered(mail, url, recipient))
    return True


def _bring_inside(app: web.Application, mail: Mail, recipients: list[str]) -> None:
    """Mail to a domain of the account itself comes in by its routes."""
    inside = [one for one in recipients if app[SANDBOX].is_ours(one)]
    if inside and not mail.is_test:
        inbound.deliver(app, mail.raw, mail.envelope_sender, inside)
