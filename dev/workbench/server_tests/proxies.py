"""Proxies with TLS in front of an Odoo that chooses a database by the host."""

import contextlib
import hashlib
import hmac
import os
import time
from collections.abc import Iterator
from pathlib import Path

import urllib3

from ..lab.lab import Lab
from ..lab.settings import SIGNING_KEY, TOLD
from ..machine import certificates, paths
from ..machine.ports import HOST, free_port
from ..machine.steps import StepFailed
from ..servers import proxies
from ..servers.sentences import NotChecked, Subject, same, true

SUBJECT = Subject("proxies")

# A filter by the host makes the name of the database of it.
_NAME = "server.odoo.test"
_FILTER = "^mailgun_%d$"
_BIG = 25 * 1024 * 1024
_BUILDERS = {
    "nginx": proxies.nginx,
    "caddy": proxies.caddy,
    "traefik": proxies.traefik,
}
_TITLES = {"nginx": "nginx", "caddy": "Caddy", "traefik": "Traefik"}


@SUBJECT.says
def a_large_mail_passes(lab: Lab) -> None:
    """As operator.rst has them, the proxies pass a mail of 25 MB to its database."""
    with _odoo(lab, "--db-filter", _FILTER) as url:
        for name in _BUILDERS:
            with _proxy(lab, url, name) as port:
                subject = lab.new("Proxied")
                same(f"answer by {name}", _post(port, subject, _BIG), 200)
                sql = "SELECT count(*) FROM mailgun_inbound_email WHERE subject = %s"
                same("mails", lab.value(sql, subject), 1)


@SUBJECT.says
def a_host_that_is_not_passed_on(lab: Lab) -> None:
    """A proxy that does not pass the host on gets 404, and Check says so."""
    not_passed = ("proxy_set_header", "# proxy_set_header")
    # The host by which it is asked here is not that of the database.
    passed = ("Host $host", f"Host {_NAME}")
    with _trusting(lab), _odoo(lab, "--db-filter", _FILTER) as url:
        with _proxy(lab, url, "nginx", not_passed) as port:
            same("answer", _post(port, lab.new("No host"), 0), 404)
            line = _checked(lab, f"https://localhost:{port}")
            true(f"the domain says: {line}", "404 Not Found" in line)
        with _proxy(lab, url, "nginx", passed) as port:
            same("where Odoo answers", _checked(lab, f"https://localhost:{port}"), "")


@SUBJECT.says
def a_header_in_place_of_a_filter(lab: Lab) -> None:
    """X-Odoo-Database chooses among databases where no filter does."""
    added = ("# In place of a filter: ", ""), ("yourdatabase", lab.database)
    # It has all databases that there are, whose jobs are nobody's business here.
    with _odoo(lab, "--database=", "--max-cron-threads=0") as url:
        for name in _BUILDERS:
            for changes, status in ((), 404), (added, 200):
                with _proxy(lab, url, name, *changes) as port:
                    found = _post(port, lab.new("By header"), 0)
                    same(f"answer by {name}", found, status)


def files(_lab: Lab) -> tuple[Path, Path]:
    """Make the certificate of all proxies; return it and its key."""
    return certificates.write(paths.STATE, _NAME, "localhost")


@contextlib.contextmanager
def _trusting(lab: Lab) -> Iterator[None]:
    """Have the lab's Odoo believe the certificate."""
    lab.variables["SSL_CERT_FILE"] = str(lab.once(files)[0])
    lab.start()
    try:
        yield
    finally:
        lab.stop()
        del lab.variables["SSL_CERT_FILE"]


@contextlib.contextmanager
def _odoo(lab: Lab, *arguments: str) -> Iterator[str]:
    """Run an Odoo beside the lab's that stands behind a proxy; return its address."""
    lab.ensure()
    url = f"http://{HOST}:{free_port()}"
    behind = lab.server(lab.new("proxied"), url, "--proxy-mode", *arguments)
    behind.start(lab.steps)
    try:
        yield url
    finally:
        behind.stop()


@contextlib.contextmanager
def _proxy(lab: Lab, url: str, name: str, *changes: tuple[str, str]) -> Iterator[int]:
    """Run a proxy with the block of operator.rst, in which some words are others."""
    text = proxies.block(_TITLES[name])
    for old, new in changes:
        text = text.replace(old, new)
    odoo = url.partition("//")[2]
    with contextlib.ExitStack() as stack:
        try:
            port = stack.enter_context(
                proxies.running(
                    lab.steps, name, _BUILDERS[name], text, odoo, _NAME, lab.once(files)
                )
            )
        except StepFailed as error:
            raise NotChecked(str(error)) from None
        yield port


def _post(port: int, subject: str, size: int) -> int:
    """Post a mail as Mailgun does; return the status of the answer."""
    token, timestamp = os.urandom(25).hex(), str(int(time.time()))
    signed = f"{timestamp}{token}".encode()
    signature = hmac.new(SIGNING_KEY.encode(), signed, hashlib.sha256).hexdigest()
    head = f"From: anna@customer.test\r\nTo: people@{TOLD}\r\nSubject: {subject}\r\n"
    head += f"Message-Id: <{token}@customer.test>\r\n\r\n"
    form = {
        "recipient": f"people@{TOLD}",
        "sender": "anna@customer.test",
        "timestamp": timestamp,
        "token": token,
        "signature": signature,
        "body-mime": head.encode() + b"How much is it? \r\n" * (size // 18),
    }
    pool = urllib3.HTTPSConnectionPool(
        HOST,
        port,
        server_hostname=_NAME,
        assert_hostname=_NAME,
        ca_certs=str(paths.STATE / "proxy.crt"),
    )
    with contextlib.closing(pool):
        answer = pool.request(
            "POST",
            "/mailgun/inbound/mime",
            fields=form,
            headers={"Host": _NAME},
            retries=False,
        )
    return answer.status


def _checked(lab: Lab, url: str) -> str:
    """Press Check with this public address; return what is said of it."""
    domain = lab.admin.search("mailgun.domain", ("name", "=", TOLD))
    lab.admin.call("mailgun.domain", "write", domain, {"public_url": url})
    try:
        lab.admin.call("mailgun.domain", "action_check", domain)
        return lab.inside(_SAID, domain=domain) or ""
    finally:
        lab.admin.call("mailgun.domain", "write", domain, {"public_url": False})


_SAID = """
lines = env["mailgun.domain"].browse(domain)._health_of_reach()
found = " ".join(f"{line.text} {line.remedy}" for line in lines)
"""
