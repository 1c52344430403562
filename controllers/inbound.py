from odoo import SUPERUSER_ID, http
from odoo.http import request

from ..const import (
    DEFAULT_MAX_MESSAGE_MIB,
    FORM_OVERHEAD_BYTES,
    FORM_OVERHEAD_FACTOR,
    INBOUND_PATHS,
    MIB,
)
from ..models.inbound.inbound_queue import InboundQueue
from ..models.transactions.own_cursor import own_cursor
from ..tools.errors import MalformedPayload
from ..tools.mime.forms import Form
from ..tools.mime.inbound import read_inbound
from . import answers

MAX_MESSAGE_PARAMETER = "mail_mailgun.max_message_mib"


def _max_body(_controller):
    """How many bytes a request may have (``max_content_length`` of the route)."""
    setting = request.env["ir.config_parameter"].sudo().get_param(MAX_MESSAGE_PARAMETER)
    mib = int(setting) if str(setting).isdigit() else DEFAULT_MAX_MESSAGE_MIB
    return mib * MIB * FORM_OVERHEAD_FACTOR + FORM_OVERHEAD_BYTES


class MailgunInbound(http.Controller):
    """Takes the mail that a Mailgun route forwards.

    Both addresses take every shape: raw MIME (Mailgun sends it to URLs that end in
    ``mime``), and the parsed form, urlencoded or multipart. A request is believed when
    ``signature`` is the HMAC-SHA256 of ``timestamp`` and ``token`` under the webhook
    signing key of the domain that ``recipient`` is on.

    Mailgun takes 200 as done and 406 as refused for good; it repeats after every other
    answer, for 8 hours (user manual, "Receive HTTP"). So:

    ====== =======================================================================
    200    in the journal now, or known already (same token, or mail and recipient)
    401    signature missing, malformed, stale or wrong: a wrong key can be repaired
    406    signed, but can never become a mail
    413    larger than the limit
    503    no signing key to check with, the domain is not in use here, or there is no
           database connection
    ====== =======================================================================

    An unauthenticated request leaves one line in the log, without content.
    """

    @answers.to_visits(INBOUND_PATHS)
    def inbound_info(self):
        """Say what this address is, to somebody who opens it in a browser."""
        return answers.info(
            "This address takes mail from Mailgun: forward a Mailgun route to it."
        )

    @answers.to_posts(INBOUND_PATHS, _max_body)
    def inbound(self, payload):
        """Check, write to the journal, answer; route once the answer is out."""
        ids, response = answers.answer(self._take, payload)
        if ids:
            answers.after(response, _route)
        return response

    def _take(self, payload):
        """Write an authenticated post to the journal; return the ids of new rows."""
        signature, names = answers.signature_of(payload), answers.names_of(payload)
        with own_cursor(request.registry) as env:
            signers = env["mailgun.domain"]._authenticate(signature, names)
        with answers.post_of(next(iter(signers.values())), signature.token):
            if not isinstance(payload, Form):
                raise MalformedPayload(
                    "this is an event, and this address takes mail: set the webhook's "
                    "URL to /mailgun/events"
                )
            post = read_inbound(payload)
        # Without a transaction: the request's own is over (see ``MailgunDispatcher``).
        env = request.env(user=SUPERUSER_ID)
        shares = [
            (env["mailgun.domain"].browse(signer.id), post.on(names))
            for signer, names in _names_by_signer(signers).items()
        ]
        return env["mailgun.inbound.email"]._receive_signed(shares, signature.token)


def _names_by_signer(signers):
    names = {}
    for name, signer in signers.items():
        names.setdefault(signer, set()).add(name)
    return names


def _route(registry):
    """Route what was journaled."""
    InboundQueue(registry).work_after_answer()
