"""Keys at rest: a master key that is lost or missing, a dump, a copy, the log."""

import base64
import contextlib
import hashlib
import hmac
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import requests

from ..lab.lab import Lab
from ..lab.settings import API_KEY, DOMAINS, SENDING_KEY, SIGNING_KEY, TOLD
from ..machine import databases, paths, postgres
from ..machine.ports import HOST, free_port
from ..servers import odoo_run
from ..servers.sentences import Subject, Wrong, same, true
from ..servers.web_client import WebClient

SUBJECT = Subject("keys")

# As many as go side by side.
_MAILS = 40
_FILE = Path("mail_mailgun", "master.key")
_COPY = "mailgun_server_copy"
# How everything that is closed begins.
_CLOSED = b"gAAAAA"


@SUBJECT.says
def a_lost_master_key(lab: Lab) -> None:
    """Mail waits while the master key is lost, and goes once it is back."""
    subject, people = lab.new("Lost key"), lab.addresses(_MAILS)
    mails = lab.write(subject, *people)
    file = paths.DATA / _FILE
    kept = file.read_text()
    file.unlink()
    try:
        lab.start()
        lab.wake()
        lab.wait_for_jobs("mail to wait", lambda: _waiting(lab, mails) == _MAILS)
        same("states", set(lab.states(mails)), {"outgoing"})
        same("deliveries", lab.deliveries(mails), [])
        true("a new master key was made", not file.exists())
    finally:
        file.write_text(kept)
    lab.execute(_IT_IS_TIME, mails)
    lab.wake()
    lab.wait_for_jobs("mail to leave", lambda: not lab.left(mails))
    given = [mail["recipients"] for mail in lab.mailgun.given(subject)]
    same("recipients", sorted(given), sorted([one] for one in people))


@SUBJECT.says
def a_server_without_the_master_key(lab: Lab) -> None:
    """A second server without the master key says so, and works once it has it."""
    lab.ensure()
    subject, people = lab.new("Two folders"), lab.addresses(1)
    mails = lab.write(subject, *people)
    with _second_server(lab) as (url, folder):
        admin = lab.log_in(url)
        admin.call("mail.mail", "send", mails)
        same("waiting", _waiting(lab, mails), 1)
        same("deliveries", lab.deliveries(mails), [])
        said = [_info(admin), *_answers(url)]
        true(said, all("no master key" in one for one in said))
        same("answers of the first", _answers(lab.url), ["OK\n"] * 2)
        true("a master key was made", not (folder / _FILE).exists())
        (folder / _FILE).parent.mkdir()
        (folder / _FILE).write_text((paths.DATA / _FILE).read_text())
        admin.call("mail.mail", "send", mails)
        same("states", lab.states(mails), ["sent"])
        same("answers", _answers(url), ["OK\n"] * 2)
    same("mails given to Mailgun", len(lab.mailgun.given(subject)), 1)


@SUBJECT.says
def neither_dump_nor_log(lab: Lab) -> None:
    """Neither a dump of the database nor a log at debug level holds a key."""
    lab.start("--log-handler", "odoo.addons.mail_mailgun:DEBUG")
    wizard = lab.admin.call("mailgun.connect", "create", [{"api_key": API_KEY}])
    lab.admin.call("mailgun.connect", "action_find_domains", wizard)
    _answers(lab.url)
    lab.send(lab.write(lab.new("Dumped"), *lab.addresses(1)))
    dump = postgres.dump(lab.postgres_env, lab.database)
    true("the keys are not even stored", dump.count(_CLOSED) > len(DOMAINS))
    logs = b"".join(log.read_bytes() for log in lab.logs)
    true("nothing of ours is in the log", b"odoo.addons.mail_mailgun" in logs)
    for place, content in (("dump", dump), ("log", logs)):
        for key in (API_KEY, SENDING_KEY, SIGNING_KEY):
            for form in _forms(key):
                true(f"{key} is in the {place}", form not in content)


@SUBJECT.says
def a_neutralized_copy(lab: Lab) -> None:
    """A neutralized copy of the database holds no key, closed or not."""
    lab.admin.call("mailgun.connect", "create", [{"api_key": API_KEY}])
    lab.stop()
    databases.copy(lab.postgres_env, lab.database, _COPY)
    try:
        arguments = "neutralize", "--database", _COPY
        ended = odoo_run.run(
            lab.steps, lab.postgres_env, _COPY, "server-neutralize", *arguments
        )
        if ended.status:
            raise Wrong(ended.problems)
        dump = postgres.dump(lab.postgres_env, _COPY)
        original = postgres.dump(lab.postgres_env, lab.database)
    finally:
        databases.drop(lab.postgres_env, _COPY)
    true("the original holds none either", _CLOSED in original)
    same("closed keys", dump.count(_CLOSED), 0)


_IT_IS_TIME = """UPDATE mail_mail SET scheduled_date = '2020-01-01'
                  WHERE id = ANY(%s)"""


def _waiting(lab: Lab, mails: list[int]) -> int:
    sql = """SELECT count(*) FROM mail_mail
              WHERE id = ANY(%s) AND mailgun_wait = 'setting'
                AND mailgun_wait_reason LIKE '%%no master key%%'"""
    return lab.value(sql, mails)


@contextlib.contextmanager
def _second_server(lab: Lab) -> Iterator[tuple[str, Path]]:
    """Run another server of the database, with the same files and no master key."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "filestore").symlink_to(paths.DATA / "filestore")
        url = f"http://{HOST}:{free_port()}"
        second = lab.server("keyless", url, "--data-dir", name)
        second.start(lab.steps)
        try:
            yield url, folder
        finally:
            second.stop()


def _info(admin: WebClient) -> str:
    domain = admin.search("mailgun.domain", ("name", "=", TOLD))
    (read,) = admin.call("mailgun.domain", "read", domain, ["api_key_info"])
    return read["api_key_info"]


def _answers(url: str) -> list[str]:
    """Post a mail and an event to a server; return what it says."""
    mail = {
        "recipient": f"nobody@{TOLD}",
        "sender": "customer@customer.test",
        "body-mime": "Subject: x\r\n\r\nHello\r\n",
        **_signed(),
    }
    event = {"event": "delivered", "domain": {"name": TOLD}}
    told = {"signature": _signed(), "event-data": event}
    session = requests.Session()
    session.trust_env = False
    return [
        session.post(f"{url}/mailgun/inbound/mime", data=mail, timeout=60).text,
        session.post(f"{url}/mailgun/events", json=told, timeout=60).text,
    ]


def _signed() -> dict[str, str]:
    now = str(int(time.time()))
    token = hashlib.sha256(str(time.time_ns()).encode()).hexdigest()[:50]
    made = hmac.new(SIGNING_KEY.encode(), f"{now}{token}".encode(), hashlib.sha256)
    return {"timestamp": now, "token": token, "signature": made.hexdigest()}


def _forms(key: str) -> tuple[bytes, ...]:
    """Return how a key looks in clear, in a header, and in PostgreSQL's bytea."""
    clear = key.encode()
    return clear, base64.b64encode(b"api:" + clear), clear.hex().encode()
