"""A request dispatcher for forms that are mail: big, and bytes.

Odoo's own decodes form fields as UTF-8, which destroys 8-bit mail, and refuses fields
of more than 10 MB (odoo/http.py, ``max_form_memory_size``), which is a mail with one
attachment of 7 MB.
"""

import functools
import json

import werkzeug.exceptions
from werkzeug.datastructures import ImmutableMultiDict

from odoo.http import Dispatcher, Response

from ..tools.errors import MalformedPayload
from ..tools.mime.forms import parse_form


class MailgunDispatcher(Dispatcher):
    """Gives the endpoint the posted form, or the posted JSON, as ``payload``."""

    routing_type = "mailgun"
    mimetypes = (
        "application/x-www-form-urlencoded",
        "multipart/form-data",
        "application/json",
    )

    @classmethod
    def is_compatible_with(cls, request):
        return request.httprequest.method == "POST"

    def dispatch(self, endpoint, args):
        self.request.params = {**args, "payload": self._payload}
        return self.request.registry["ir.http"]._dispatch(endpoint)

    @functools.cached_property
    def _payload(self):
        # Odoo dispatches once more after a serialization failure (service/model.py,
        # ``retrying``), when the body is gone.
        return self._parse(self._take_body())

    def _take_body(self):
        """Read the body once, and leave nothing that anybody could parse again.

        Odoo looks at ``files`` after a serialization failure (service/model.py,
        ``retrying``), which would run into the limits that this class exists for.
        """
        http = self.request.httprequest
        body = http.get_data(cache=False)
        http.form = http.files = ImmutableMultiDict()
        return body

    def _parse(self, body):
        """Return a ``Form``, a JSON value, or the ``MalformedPayload`` it is."""
        http = self.request.httprequest
        try:
            if http.mimetype == "application/json":
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
        return Response(f"{name}\n", status=code, content_type="text/plain")
