"""A Mailgun on this machine that answers what a test tells it to, over real HTTP."""

import contextlib
import io
import json
import os
import socket
import threading
import time
from collections import deque
from dataclasses import dataclass
from email.message import Message
from email.utils import formatdate
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from unittest.mock import patch

from werkzeug.formparser import FormDataParser
from werkzeug.http import parse_options_header

from odoo.addons.mail_mailgun.const import API_URL_VARIABLE

QUEUED = {"id": "<1@mailgun.test>", "message": "Queued. Thank you."}


def _in_memory(*_arguments, **_options):
    return io.BytesIO()


@dataclass
class Seen:
    """One request as it arrived."""

    method: str
    path: str
    headers: Message
    body: bytes
    connection: int

    @property
    def form(self):
        """The fields and files of a multipart form, as werkzeug reads them."""
        content_type = self.headers["Content-Type"]
        mimetype, options = parse_options_header(content_type)
        _stream, fields, files = FormDataParser(_in_memory).parse(
            io.BytesIO(self.body), mimetype, len(self.body), options
        )
        return fields, files

    def values(self, name):
        """The values of a form's field."""
        return self.form[0].getlist(name)


class _Handler(BaseHTTPRequestHandler):
    """Serves what the ``mailgun`` of its server answers."""

    protocol_version = "HTTP/1.1"  # keeps connections alive, as Mailgun does

    def handle_any(self):
        mailgun = self.server.mailgun
        if mailgun.answers and mailgun.answers[0] == (None, False, None):
            mailgun.answers.popleft()
            self._hang_up()
            return
        length = int(self.headers.get("Content-Length") or 0)
        seen = Seen(
            self.command,
            self.path,
            self.headers,
            self.rfile.read(length),
            self.client_address[1],
        )
        mailgun.seen.append(seen)
        answers = mailgun.answers
        self._answer(*(answers.popleft() if answers else mailgun.respond(seen)))

    do_GET = do_POST = do_PUT = do_DELETE = handle_any

    def _answer(self, status, body, content_type):
        if status is None:
            self._hang_up()
            return
        if isinstance(content_type, str):
            content_type = {"Content-Type": content_type}
        self.send_response(status)
        length = {"Content-Length": str(len(body))}
        headers = {**content_type, **length, **self.server.mailgun.headers}
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def date_time_string(self, timestamp=None):
        now = time.time() if timestamp is None else timestamp
        return formatdate(now - self.server.mailgun.clock_ahead, usegmt=True)

    def _hang_up(self):
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    def log_message(self, *_arguments):
        """Say nothing: the test looks at what was seen."""


class LocalMailgun:
    """Collects requests in ``seen``; gives the queued answers in their order.

    :ivar headers: that every answer has besides
    :ivar clock_ahead: seconds by which the clock of this machine is ahead of Mailgun's
    """

    def __init__(self):
        self.seen = []
        self.answers = deque()
        self.headers = {}
        self.clock_ahead = 0

    def answer(self, status, body, content_type="application/json"):
        """Queue an answer; without one the next request is "Queued. Thank you.".

        :param content_type: or all headers, as a dict
        """
        if not isinstance(body, bytes):
            body = json.dumps(body).encode()
        self.answers.append((status, body, content_type))

    def hang_up(self, after_reading=True):
        """Close the connection of the next request, before or after it was read."""
        self.answers.append((None, after_reading, None))

    def respond(self, _seen):
        """Return status, body and content type when no answer is queued."""
        return 200, json.dumps(QUEUED).encode(), "application/json"

    @contextlib.contextmanager
    def running(self):
        """Serve, with the module's API host pointing here."""
        server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        server.mailgun = self
        serve = partial(server.serve_forever, poll_interval=0.01)
        threading.Thread(target=serve, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}"
        try:
            with patch.dict(os.environ, {API_URL_VARIABLE: url}):
                yield self
        finally:
            server.shutdown()
            server.server_close()
