"""An hour of a company whose servers are healthy, in a minute or two."""

import contextlib
import threading
from collections.abc import Callable

import requests

from ..lab.lab import Lab
from ..lab.settings import TOLD
from ..servers import odoo_log
from ..servers.sentences import TROUBLES, Subject, Wrong, same

SUBJECT = Subject("life")

# Minutes in each way of running Odoo, and every how many of them a job runs.
_MINUTES = 30
_JOBS = {
    "mail.ir_cron_mail_scheduler_action": 1,
    "mail_mailgun.ir_cron_inbound_queue": 1,
    "mail_mailgun.ir_cron_events": 1,
    "mail_mailgun.ir_cron_judge": 2,
    "mail.ir_cron_mail_gateway_action": 5,
    "mail_mailgun.ir_cron_suppressions": 15,
    "mail_mailgun.ir_cron_daily_check": 25,
}
# Of strangers a line each is said; fetching may come before a post that is under way.
_KNOWN = ("Refused a post", "Missed mail: ")


@SUBJECT.says
def healthy_servers_log_no_error(lab: Lab) -> None:
    """In an hour of mail, jobs, users and strangers nothing is logged as an error."""
    for arguments in ((), ("--workers", "2")):
        lab.start(*arguments)
        log, before = lab.odoo.log, lab.value(_RECORDS)
        address = lab.alias_of_contacts(lab.new("life"), TOLD)
        for minute in range(_MINUTES):
            _live_a_minute(lab, minute, address)
        _wait_for_records(lab, before + _MINUTES)
        lab.apply_events()
        same("what was logged", _errors(log), "")


def _live_a_minute(lab: Lab, minute: int, address: str) -> None:
    _at_once(
        lambda: _run_jobs(lab, minute),
        lambda: _people_write(lab, address),
        lambda: _somebody_looks(lab, minute),
        lambda: _strangers_post(lab),
    )


def _wait_for_records(lab: Lab, count: int) -> None:
    lab.wait_for_jobs("the records", lambda: lab.value(_RECORDS) == count)


_RECORDS = "SELECT count(*) FROM res_partner WHERE name LIKE 'life-%'"


def _at_once(*doings: Callable) -> None:
    """Do all of it at the same time.

    :raise Wrong: when something of it fails
    """
    failed: list[Exception] = []

    def do(doing):
        try:
            doing()
        except TROUBLES as error:
            failed.append(error)

    threads = [threading.Thread(target=do, args=(doing,)) for doing in doings]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failed:
        raise Wrong(f"{type(failed[0]).__name__}: {failed[0]}")


def _run_jobs(lab: Lab, minute: int) -> None:
    for name in (name for name, every in _JOBS.items() if minute % every == 0):
        lab.inside("env.ref(name)._trigger()", name=name)
    lab.execute_in("postgres", "SELECT pg_notify('cron_trigger', %s)", lab.database)


def _people_write(lab: Lab, address: str) -> None:
    """Let an employee write, the customer open the mail, and somebody else write."""
    colleague, subject = lab.log_in(lab.url), lab.new("Offer")
    (email,) = lab.addresses(1)
    person = {"name": email, "email": email}
    contact = colleague.call("res.partner", "create", [person])
    colleague.call(
        "res.partner",
        "message_post",
        contact,
        body="Our offer",
        subject=subject,
        message_type="comment",
        subtype_xmlid="mail.mt_comment",
        partner_ids=contact,
    )
    (mail,) = lab.steps.wait_for("it to leave", lambda: lab.mailgun.given(subject))
    lab.mailgun.react(mail, "opened")
    sender = lab.new("life")
    lab.mailgun.write(f"{sender}@customer.test", address, sender, "Hello")


def _somebody_looks(lab: Lab, minute: int) -> None:
    """Let an administrator look at the domain, and press a button now and then."""
    admin = lab.log_in(lab.url)
    domain = admin.search("mailgun.domain", ("name", "=", TOLD))
    admin.call("mailgun.domain", "read", domain, ["health"])
    admin.call("mailgun.inbound.email", "web_search_read", [], {"subject": {}})
    if minute % 10 == 0:
        admin.call("mailgun.domain", "action_test_connection", domain)
        values = {"public_url": lab.url if minute else False}
        admin.call("mailgun.domain", "write", domain, values)


def _strangers_post(lab: Lab) -> None:
    for path in ("inbound", "inbound/mime", "events"):
        for body in ({}, {"timestamp": "1", "token": "x", "signature": "y"}):
            with contextlib.suppress(requests.RequestException):
                requests.post(f"{lab.url}/mailgun/{path}", data=body, timeout=30)


def _errors(log) -> str:
    return "\n".join(
        str(entry)
        for entry in odoo_log.read(log)
        if entry.is_trouble and not entry.text.startswith(_KNOWN)
    )
