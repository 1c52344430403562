"""A mail server on this machine that takes no mail, over real SMTP."""

import contextlib
import socketserver
import threading
from functools import partial

_SAYS = {b"QUIT": b"221 Bye", b"DATA": b"354 Go ahead"}


class _Handler(socketserver.StreamRequestHandler):
    """Says yes to everything but to a message that was handed over."""

    def handle(self):
        self._say(b"220 Here")
        while line := self.rfile.readline():
            verb = line.strip().upper()[:4]
            self._say(_SAYS.get(verb, b"250 OK"))
            if verb == b"DATA":
                while self.rfile.readline() not in (b".\r\n", b""):
                    pass
                self._say(b"451 Try again later")
            if verb == b"QUIT":
                return

    def _say(self, words):
        self.wfile.write(words + b"\r\n")


@contextlib.contextmanager
def refusing_smtp():
    """Serve; return the port."""
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Handler) as server:
        server.daemon_threads = True
        serve = partial(server.serve_forever, poll_interval=0.01)
        threading.Thread(target=serve, daemon=True).start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
