"""Databases that were one, each with its server, and servers of one database."""

import contextlib
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from ..lab import settings
from ..lab.lab import Lab
from ..lab.lab_odoo import LabOdoo
from ..lab.settings import TOLD
from ..machine import databases, paths
from ..machine.ports import free_port
from ..servers import odoo
from ..servers.sentences import Subject, same, true
from ..servers.web_client import OdooError

SUBJECT = Subject("copies")

COPY = "mailgun_server_copy"
_DOMAINS = "mailgun.domain"
_MAILS = 20
_IT_IS_TIME = "UPDATE mail_mail SET scheduled_date = NULL WHERE id = ANY(%s)"
_IS_FOREIGN = ["is_foreign"]


@SUBJECT.says
def a_confirmed_copy_takes_nothing(lab: Lab) -> None:
    """A copy that is confirmed, repaired and disconnected takes nothing."""
    before = _entries(lab)
    with _copy_beside(lab) as copy:
        domain = copy.admin.search(_DOMAINS, ("name", "=", TOLD))
        (found,) = copy.admin.call(_DOMAINS, "read", domain, _IS_FOREIGN)
        true("the copy does not know that it is one", found["is_foreign"])
        for action in ("action_confirm", "action_repair"):
            copy.admin.call(_DOMAINS, action, domain)
        true(f"{before} has become {_entries(lab)}", before <= _entries(lab))
        _mail_arrives_only_in(lab, copy)
        _events_are_applied_where_they_belong(lab, copy)
        _events_are_applied_where_they_belong(copy, lab)
        copy.admin.call(_DOMAINS, "action_disconnect", domain)
    same("routes and webhooks", _entries(lab), before)


@SUBJECT.says
def a_neutralized_copy_takes_nothing(lab: Lab) -> None:
    """A neutralized copy that is connected anew takes nothing."""
    before = _entries(lab)
    with _copy_beside(lab, neutralize=True) as copy:
        settings.connect(copy, TOLD)
        true(f"{before} has become {_entries(lab)}", before <= _entries(lab))
        _mail_arrives_only_in(lab, copy)
        domain = copy.admin.search(_DOMAINS, ("name", "=", TOLD))
        copy.admin.call(_DOMAINS, "action_disconnect", domain)
    same("routes and webhooks", _entries(lab), before)


@SUBJECT.says
def a_successor_takes_over(lab: Lab) -> None:
    """A database that replaces another one gets its mail when a person says so."""
    with _copy_beside(lab) as copy:
        domain = copy.admin.search(_DOMAINS, ("name", "=", TOLD))
        copy.admin.call(_DOMAINS, "action_take_over", domain)
        _mail_arrives_only_in(copy, lab)
        lab.inside("env['mailgun.domain']._check_daily()")
        sql = "SELECT route_trouble FROM mailgun_domain WHERE name = %s"
        trouble = lab.value(sql, TOLD) or ""
        true(f"the original says: {trouble}", copy.url in trouble)
    domain = lab.admin.search(_DOMAINS, ("name", "=", TOLD))
    lab.admin.call(_DOMAINS, "action_take_over", domain)
    _mail_arrives_only_in(lab, None)


@SUBJECT.says
def two_servers_are_one_database(lab: Lab) -> None:
    """Two servers with data directories of their own are one database to Mailgun."""
    lab.ensure()
    before = _entries(lab)
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(paths.DATA / "mail_mailgun", Path(folder, "mail_mailgun"))
        url = f"http://{lab.url.rpartition(':')[0].rpartition('/')[2]}"
        url = f"{url}:{free_port(odoo.PORT)}"
        second = lab.server("with-data-of-its-own", url, "--data-dir", folder)
        second.start(lab.steps)
        try:
            admin = lab.log_in(url)
            domain = admin.search(_DOMAINS, ("name", "=", TOLD))
            (found,) = admin.call(_DOMAINS, "read", domain, _IS_FOREIGN)
            same("foreign", found["is_foreign"], False)
            for action in ("action_repair", "action_confirm", "action_repair"):
                admin.call(_DOMAINS, action, domain)
        finally:
            second.stop()
    same("routes and webhooks", _entries(lab), before)


@SUBJECT.says
def a_restored_database_sends_nothing_twice(lab: Lab) -> None:
    """A database restored from a dump asks, and sends nothing that was sent since."""
    lab.ensure()
    subject, people = lab.new("Restored"), lab.addresses(_MAILS)
    mails = lab.write(subject, *people, scheduled_date="2099-01-01 00:00:00")
    # What runs code is in the dump, too.
    lab.apply_events()
    lab.stop()
    databases.copy(lab.postgres_env, lab.database, COPY)
    lab.start()
    sent = mails[: _MAILS // 2]
    lab.send(sent)
    lab.apply_events()
    lab.stop()
    databases.copy(lab.postgres_env, COPY, lab.database)
    databases.drop(lab.postgres_env, COPY)
    lab.execute(_IT_IS_TIME, mails)
    lab.start()
    lab.wake()
    waits = "SELECT count(*) FROM mail_mail WHERE id = ANY(%s) AND mailgun_wait = %s"
    lab.wait_for_jobs(
        "mail to wait", lambda: lab.value(waits, mails, "setting") == _MAILS
    )
    same("mails given so far", len(lab.mailgun.given(subject)), len(sent))
    domain = lab.admin.search(_DOMAINS, ("name", "=", TOLD))
    lab.admin.call(_DOMAINS, "action_go_on", domain)
    lab.wait_for_jobs("the rest to leave", lambda: not lab.left(mails))
    given = [mail["recipients"] for mail in lab.mailgun.given(subject)]
    same("recipients", sorted(given), sorted([one] for one in people))
    found = {state for _who, state in lab.deliveries(sent)}
    true(f"deliveries of the first ones: {found}", found <= {"accepted", "delivered"})


@contextlib.contextmanager
def _copy_beside(lab: Lab, neutralize: bool = False) -> Iterator[Lab]:
    """Run a copy of the database, UUID and keys included, on a server of its own."""
    lab.stop()
    databases.copy(lab.postgres_env, lab.database, COPY)
    lab.start()
    copy = Lab(lab.steps, lab.postgres_env, COPY, lab.mailgun, lab.sink)
    if neutralize:
        env = odoo.environment(lab.postgres_env, COPY)
        command = odoo.command("neutralize", "--database", COPY)
        subprocess.run(command, env=env, capture_output=True, check=True)
    copy.odoo = copy.server("copy", copy.url)
    lab.logs += copy.logs
    copy.odoo.start(lab.steps)
    try:
        copy.admin.call("ir.config_parameter", "set_param", "web.base.url", copy.url)
        yield copy
    finally:
        copy.stop()
        databases.drop(lab.postgres_env, COPY)


def _entries(lab: Lab) -> set[str]:
    """Return the routes and webhooks at Mailgun, each as a text."""
    return set(map(repr, lab.mailgun.set_up()))


def _mail_arrives_only_in(owner: LabOdoo, other: LabOdoo | None) -> None:
    subject = owner.new(f"For {owner.database}")
    owner.mailgun.write("anna@customer.test", f"people@{TOLD}", subject, "Hello")
    owner.steps.wait_for("mail to be posted", owner.mailgun.is_told)
    sql = "SELECT count(*) FROM mailgun_inbound_email WHERE subject = %s"
    same("mails in the database that they are for", owner.value(sql, subject), 1)
    if other:
        servers = other.admin.search(
            "fetchmail.server", ("mailgun_domain_id.name", "=", TOLD)
        )
        with contextlib.suppress(OdooError):
            other.admin.call("fetchmail.server", "fetch_mail", servers)
        same("mails in the other database", other.value(sql, subject), 0)


def _events_are_applied_where_they_belong(sender: Lab, other: Lab) -> None:
    """Send a mail from one database; both are told what becomes of it."""
    mails = sender.write(sender.new("Events"), *sender.addresses(1))
    sender.send(mails)
    sender.apply_events()
    same("state", [state for _who, state in sender.deliveries(mails)], ["delivered"])
    other.apply_events()
    sql = "SELECT message_id FROM mailgun_delivery WHERE mail_id = %s"
    message_id = sender.value(sql, mails[0])
    # By the mail: both databases write to the same addresses.
    sql = "SELECT DISTINCT state FROM mailgun_event WHERE message_id = %s"
    same("events of the other's mail", other.rows(sql, message_id), [("ignored",)])
