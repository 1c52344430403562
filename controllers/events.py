import functools

import psycopg2

from odoo import http
from odoo.http import request

from ..const import EVENT_WAKE_SECONDS, EVENTS_PATH, MAX_JSON_BYTES
from ..models.events.event_queue import wake
from ..models.transactions.own_cursor import committed
from ..tools.errors import MalformedPayload
from ..tools.event_post import read_event
from ..tools.mime.forms import Form
from . import answers


class MailgunEvents(http.Controller):
    """Takes what Mailgun's webhooks tell: accepted, delivered, failed, opened ...

    Believed and answered as mail is (see ``inbound.py``). An event of a shape that
    nobody knows yet is kept and answered 200: Mailgun adds fields without notice.
    """

    @answers.to_visits(EVENTS_PATH)
    def events_info(self):
        """Say what this address is, to somebody who opens it in a browser."""
        return answers.info(
            "This address takes events from Mailgun: set it as the URL of webhooks."
        )

    @answers.to_posts(EVENTS_PATH, MAX_JSON_BYTES)
    def events(self, payload):
        """Check, write down, answer."""
        ids, response = answers.answer(self._take, payload)
        if ids:
            answers.after(response, wake, EVENT_WAKE_SECONDS)
        return response

    def _take(self, payload):
        signature, names = answers.signature_of(payload), answers.names_of(payload)
        work = functools.partial(_receive, payload, signature, names)
        return committed(request.registry, work)


def _receive(payload, signature, names, env):
    """Write an event down for whoever signed it."""
    domains = env["mailgun.domain"]
    signer = domains._recall_signer(signature, names)
    if signer:
        try:
            return _write(env, signer, payload, signature.token)
        except psycopg2.errors.NotNullViolation:
            # The domain was changed since it was remembered.
            env.cr.rollback()
    # A webhook of the whole account tells of its other domains, too: that is written
    # down, found to be of none of our mail, counted and forgotten.
    (signer,) = domains._authenticate(signature, names, of_account=True).values()
    return _write(env, signer, payload, signature.token)


def _write(env, signer, payload, token):
    with answers.post_of(signer, token):
        if isinstance(payload, Form) and payload.text("event"):
            raise MalformedPayload(
                "this is a webhook of Mailgun's old kind, which posts forms: delete it "
                "at Mailgun under Sending > Webhooks, and press Repair on the domain"
            )
        event = read_event(payload, signer.keep_reader_details)
    return env["mailgun.event"]._receive_signed(signer, event, token)
