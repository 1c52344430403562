import logging
import time

from odoo import http
from odoo.http import request
from odoo.modules import module
from odoo.modules.registry import Registry

from ..const import (
    DEFAULT_MAX_MESSAGE_MIB,
    FORM_OVERHEAD_BYTES,
    FORM_OVERHEAD_FACTOR,
    INBOUND_PATHS,
    MIB,
)
from ..models.inbound_queue import InboundQueue
from ..tools.errors import InvalidSignature, MalformedPayload, MissingSigningKey
from ..tools.forms import Form
from ..tools.inbound import read_inbound
from ..tools.signature import Signature
from . import dispatcher  # noqa: F401  registers the routing type

_logger = logging.getLogger(__name__)

MAX_MESSAGE_PARAMETER = "mail_mailgun.max_message_mib"

STATUS = {InvalidSignature: 401, MalformedPayload: 406, MissingSigningKey: 503}


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
    503    no signing key to check with
    ====== =======================================================================

    An unauthenticated request leaves one line in the log, without content.
    """

    @http.route(
        INBOUND_PATHS, type="http", auth="public", methods=["GET"], save_session=False
    )
    def inbound_info(self):
        """Say what this address is, to somebody who opens it in a browser."""
        return request.make_response(
            "This address takes mail from Mailgun: forward a Mailgun route to it.\n",
            [("Content-Type", "text/plain")],
        )

    @http.route(
        INBOUND_PATHS,
        type="mailgun",
        auth="public",
        methods=["POST"],
        save_session=False,
        readonly=False,
        max_content_length=_max_body,
    )
    def inbound(self, payload):
        """Check, write to the journal, answer; route once the answer is out."""
        try:
            ids = self._take(payload)
        except tuple(STATUS) as error:
            return _refuse(STATUS[type(error)], error)
        response = request.make_response("OK\n", [("Content-Type", "text/plain")])
        if ids:
            _route_after(response, request.env.cr.dbname)
        return response

    def _take(self, payload):
        """Write an authenticated post to the journal; return the ids of new rows."""
        form = payload if isinstance(payload, Form) else None
        signature = Signature.read(*_signed_fields(payload))
        domain = (
            request.env["mailgun.domain"]
            .sudo()
            ._authenticate(signature, form and form.text("recipient"), time.time())
        )
        if not form:
            raise MalformedPayload(
                "this is an event, and this address takes mail: set the webhook's URL "
                "to /mailgun/events"
            )
        journal = request.env["mailgun.inbound.email"].sudo()
        return journal._receive(domain, read_inbound(form), signature.token)


def _signed_fields(payload):
    """Return timestamp, token and signature as they came, not checked yet.

    :raise InvalidSignature: when the request is of no shape that has such fields
    """
    names = ("timestamp", "token", "signature")
    if isinstance(payload, Form):
        return [payload.text(name) for name in names]
    if isinstance(payload, MalformedPayload):
        raise InvalidSignature(f"not a request of Mailgun: {payload}")
    # Mailgun posts events as JSON with the three in an object of their own.
    nested = payload.get("signature") if isinstance(payload, dict) else None
    if not isinstance(nested, dict):
        raise InvalidSignature("not a request of Mailgun")
    return [nested.get(name) for name in names]


def _refuse(status, error):
    _logger.warning(
        "Refused a post to %s from %s with %s: %s",
        request.httprequest.path,
        request.httprequest.remote_addr,
        status,
        error,
    )
    return request.make_response(
        f"{error}\n", [("Content-Type", "text/plain")], status=status
    )


def _route_after(response, dbname):
    """Route what was journaled as soon as Mailgun has its answer."""
    if module.current_test:
        # The test's only connection is this request's; nobody waits for an answer.
        InboundQueue(request.env.registry).work_after_answer()
        return

    @response.call_on_close
    def route():
        InboundQueue(Registry(dbname)).work_after_answer()
