"""All hosts of the internet on this machine, reached by a proxy, with real TLS."""

import contextlib
import datetime
import ipaddress
import os
import ssl
import tempfile
import threading
from dataclasses import dataclass
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from unittest.mock import patch

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from odoo.addons.mail_mailgun.const import API_URL_VARIABLE

_DIRECTLY = ("NO_PROXY", "no_proxy", API_URL_VARIABLE)


@dataclass(frozen=True)
class Asked:
    """One host that was asked for something, and what it was told.

    :param key: the header Authorization, or None
    """

    host: str
    port: str
    key: str | None


class LocalInternet:
    """Is every host; notes in ``asked`` who was, and in ``dialled`` who was reached."""

    def __init__(self):
        self.asked: list[Asked] = []
        self.dialled: list[str] = []
        self._authority = _Authority()

    @contextlib.contextmanager
    def running(self):
        """Serve, with the environment's proxy and certificates leading here."""
        handler = type("Handler", (_Proxy,), {"internet": self})
        server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        # Who hangs up has said so already, in what the test looks at.
        server.handle_error = lambda *_request: None
        serve = partial(server.serve_forever, poll_interval=0.01)
        threading.Thread(target=serve, daemon=True).start()
        proxy = f"http://127.0.0.1:{server.server_port}"
        with tempfile.TemporaryDirectory() as folder, patch.dict(os.environ):
            self._authority.write_to(Path(folder))
            os.environ.update(
                {
                    **dict.fromkeys(("HTTP_PROXY", "http_proxy"), proxy),
                    **dict.fromkeys(("HTTPS_PROXY", "https_proxy"), proxy),
                    "REQUESTS_CA_BUNDLE": str(Path(folder) / "authority.pem"),
                }
            )
            for name in _DIRECTLY:
                os.environ.pop(name, None)
            try:
                yield self
            finally:
                server.shutdown()
                server.server_close()

    def tls(self, host):
        """Return what speaks TLS as a host."""
        return self._authority.context_of(host)


class _Proxy(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    internet: LocalInternet
    _host, _port = "", ""

    def do_CONNECT(self):  # noqa: N802
        self._host, _colon, self._port = self.path.rpartition(":")
        self.internet.dialled.append(self._host)
        self.send_response(200)
        self.end_headers()
        context = self.internet.tls(self._host.strip("[]"))
        self.connection = context.wrap_socket(self.connection, server_side=True)
        self.rfile = self.connection.makefile("rb")
        self.wfile = self.connection.makefile("wb", 0)
        # Python's client opens tunnels by HTTP/1.0.
        self.close_connection = False

    def finish(self):
        try:
            return super().finish()
        finally:
            self.connection.close()

    def answer(self):
        host, port = self._host, self._port
        if not host:
            # Without TLS the proxy is given the whole address.
            authority = self.path.partition("://")[2].partition("/")[0]
            host, _colon, port = authority.partition(":")
            self.internet.dialled.append(host)
        key = self.headers["Authorization"]
        self.internet.asked.append(Asked(host, port, key))
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    do_GET = do_POST = answer

    def log_message(self, *_arguments):
        """Say nothing: the test looks at what was asked."""


class _Authority:
    """Signs a certificate for whatever host is asked for."""

    def __init__(self):
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Authority")])
        self._contexts = {}
        self._folder = None

    def write_to(self, folder):
        """Write down whom to trust, and what certificates are made from."""
        self._folder, self._contexts = folder, {}
        basic = x509.BasicConstraints(ca=True, path_length=None)
        (folder / "authority.pem").write_bytes(self._sign(self._name, basic))
        (folder / "key.pem").write_bytes(
            self._key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )

    def context_of(self, host):
        """Return what speaks TLS with a certificate for a host."""
        if host not in self._contexts:
            file = self._folder / f"{len(self._contexts)}.pem"
            subject = x509.Name([])
            file.write_bytes(self._sign(subject, _alternative_name(host)))
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(file, self._folder / "key.pem")
            self._contexts[host] = context
        return self._contexts[host]

    def _sign(self, subject, extension):
        now = datetime.datetime.now(datetime.timezone.utc)
        key, is_authority = self._key.public_key(), subject == self._name
        # Python 3.13 asks for whose key it is, and for what an authority may do.
        certificate = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=1))
            .add_extension(extension, critical=True)
            .add_extension(_usage(is_authority), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(key), False
            )
            .sign(self._key, hashes.SHA256())
        )
        return certificate.public_bytes(serialization.Encoding.PEM)


def _usage(is_authority):
    return x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=is_authority,
        crl_sign=is_authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _alternative_name(host):
    try:
        name = x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        name = x509.DNSName(host)
    return x509.SubjectAlternativeName([name])
