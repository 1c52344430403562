"""What recipients do with a mail that they got."""

from aiohttp import web

from ..access import SANDBOX
from ..memory.state import Event, Mail
from ..traffic import event_shapes, history

KINDS = ("opened", "clicked", "unsubscribed", "complained")


def react(
    app: web.Application, mail: Mail, recipient: str, kind: str, link: str = ""
) -> Event:
    """Let a recipient open a mail, click in it, unsubscribe or complain.

    :param kind: one of KINDS
    :param link: what was clicked on
    """
    lists = app[SANDBOX].domains[mail.domain].suppressed
    if kind == "unsubscribed":
        lists.unsubscribe(recipient)
    elif kind == "complained":
        lists.complain(recipient)
    url = app[SANDBOX].message_url(mail)
    link = link or f"https://{mail.domain}/"
    data = event_shapes.reaction(mail, url, recipient, kind, link)
    return history.record(app, mail, data)
