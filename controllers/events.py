from odoo import http
from odoo.http import request

from ..const import EVENTS_PATH, MIB
from ..tools.event_post import read_event
from . import answers


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
        auth="public",
        methods=["POST"],
        save_session=False,
        readonly=False,
        max_content_length=MIB,
    )
    def events(self, payload):
        """Check, write down, answer."""
        return answers.answer(self._take, payload)[1]

    def _take(self, payload):
        domain, _signature = answers.authenticate(payload)
        with domain._noting_refusals():
            event = read_event(payload)
        request.env["mailgun.event"].sudo()._receive(domain, event)
