"""A request dispatcher for forms that are mail: big, and bytes.

Odoo's own decodes form fields as UTF-8, which destroys 8-bit mail, and refuses fields
of more than 10 MB (odoo/http.py, ``max_form_memory_size``), which is a mail with one
attachment of 7 MB.
"""

import json
import logging

import werkzeug.exceptions
from werkzeug.datastructures import ImmutableMultiDict

from odoo.http import Dispatcher, Response

from ..const import (
    BODY_PATIENCE,
    BODY_RETRY,
    FREE_BODY_BYTES,
    MAX_BODIES_BYTES,
    MAX_JSON_BYTES,
)
from ..tools.bodies import Bodies, NoRoom
from ..tools.errors import MalformedPayload
from ..tools.mime.forms import parse_form

_logger = logging.getLogger(__name__)

_JSON = "application/json"

_bodies = Bodies(MAX_BODIES_BYTES, FREE_BODY_BYTES, BODY_PATIENCE)


class MailgunDispatcher(Dispatcher):
    """Gives the endpoint the posted form, or the posted JSON, as ``payload``.

    The endpoint has no transaction: anybody can send a body as slowly as he likes, and
    would hold a connection of the database meanwhile. Odoo's own endpoints of RPC give
    theirs back in the same way (odoo/addons/rpc/controllers).
    """

    routing_type = "mailgun"
    mimetypes = ("application/x-www-form-urlencoded", "multipart/form-data", _JSON)

    @classmethod
    def is_compatible_with(cls, request):
        return request.httprequest.method == "POST"

    def dispatch(self, endpoint, args):
        self.request.env.cr.close()
        try:
            with _bodies.read(self._stream()) as body:
                self.request.params = {**args, "payload": self._parse(body)}
                response = self.request.registry["ir.http"]._dispatch(endpoint)
                self.request.params = args
        except NoRoom:
            _logger.warning(
                "Refused a post to %s from %s with 503: others take all the memory "
                "that there is for posts; Mailgun repeats it",
                self.request.httprequest.path,
                self.request.httprequest.remote_addr,
            )
            raise werkzeug.exceptions.ServiceUnavailable(
                retry_after=BODY_RETRY
            ) from None
        return response

    def _stream(self):
        """Return what the body is read from, and leave nothing else that parses it.

        Odoo's request passes on what werkzeug's can do, but not its stream.
        """
        http = self.request.httprequest
        if http.mimetype == _JSON:
            http.max_content_length = MAX_JSON_BYTES
        stream = http.get_data.__self__.stream
        http.form = http.files = ImmutableMultiDict()
        return stream

    def _parse(self, body):
        """Return a ``Form``, a JSON value, or the ``MalformedPayload`` it is."""
        http = self.request.httprequest
        try:
            if http.mimetype == _JSON:
                return json.loads(body, parse_constant=lambda _not_a_number: None)
            return parse_form(body, http.headers.get("Content-Type", ""))
        except MalformedPayload as error:
            return error
        except (ValueError, RecursionError) as error:
            return MalformedPayload(f"the JSON is broken: {error}")

    def handle_error(self, exc):
        """Answer every failure as one plain line; Mailgun shows it in its log."""
        if isinstance(exc, werkzeug.exceptions.HTTPException) and exc.response:
            return exc.response
        code = getattr(exc, "code", None) or 500
        name = werkzeug.http.HTTP_STATUS_CODES.get(code, "Error")
        response = Response(f"{name}\n", status=code, content_type="text/plain")
        response.retry_after = getattr(exc, "retry_after", None)
        return response
