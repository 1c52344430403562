import psycopg2

from odoo import http
from odoo.http import request

from ..const import EVENTS_PATH, MIB
from ..models.events.event_queue import wake_after
from ..tools.errors import MalformedPayload
from ..tools.event_post import read_event
from . import answers

# The domain was changed since it was remembered; another post of the same event was
# committed since this transaction began.
_OUTDATED = (psycopg2.errors.NotNullViolation, psycopg2.errors.SerializationFailure)


class MailgunEvents(http.Controller):
    """Takes what Mailgun's webhooks tell: accepted, delivered, failed, opened ...

    Believed and answered as mail is (see ``inbound.py``). An event of a shape that
    nobody knows yet is kept and answered 200: Mailgun adds fields without notice.
    """

    @http.route(
        EVENTS_PATH, type="http", auth="public", methods=["GET"], save_session=False
    )
    def events_info(self):
        """Say what this address is, to somebody who opens it in a browser."""
        return answers.info(
            "This address takes events from Mailgun: set it as the URL of webhooks."
        )

    @http.route(
        EVENTS_PATH,
        type="mailgun",
        # The signature says who posts; looking up a user would be a query for nothing.
        auth="none",
        methods=["POST"],
        save_session=False,
        readonly=False,
        max_content_length=MIB,
    )
    def events(self, payload):
        """Check, write down, answer."""
        ids, response = answers.answer(self._take, payload)
        if ids:
            wake_after(response, request.env.registry)
        return response

    def _take(self, payload):
        env = answers.environment()
        signer, signature = answers.recall(env, payload)
        if signer:
            try:
                return _write(env, signer, payload, signature.token)
            except _OUTDATED:
                env.cr.rollback()
        signer, signature = answers.authenticate(env, payload)
        return _write(env, signer, payload, signature.token)


def _write(env, signer, payload, token):
    try:
        event = read_event(payload, signer.keep_reader_details)
    except MalformedPayload as error:
        env["mailgun.domain"].browse(signer.id)._note_refusal(error)
        raise
    return env["mailgun.event"]._receive_signed(signer, event, token)
