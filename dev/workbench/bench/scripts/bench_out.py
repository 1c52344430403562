"""For ``odoo shell``: send mails in the ways that MAILGUN_BENCH names, and time it.

``bench`` logs for each way the seconds, and those that this process has computed.
"""

import contextlib
import json
import logging
import os
import time
import unittest.mock

DOMAIN = "mail.example.com"
SUBJECT = "Bench"
PARAGRAPH = (
    "<p style='margin: 0px; font-size: 14px;'>Dear customer, thank you for your order. "
    "It leaves our <a href='https://www.example.com/warehouse'>warehouse</a> today.</p>"
)
BODY = (
    f"<div>{PARAGRAPH * 12}<table><tr><td>Total</td><td>42.00</td></tr></table></div>"
)


class IdleSession:
    """Takes every mail of core's own sending, and does nothing with it."""

    from_filter = DOMAIN

    def __init__(self, smtp_from):
        self.smtp_from = smtp_from

    def send_message(self, message, smtp_from, smtp_to_list):
        """Do nothing."""

    def quit(self):
        """Do nothing."""

    close = quit


def connect_to_nobody(_servers, smtp_from=None, **_options):
    """Be ``_connect__`` of a server that does nothing."""
    return IdleSession(smtp_from)


def take_nothing(session, message, smtp_from, smtp_to_list):
    """Be the floor: neither ledger nor network."""
    session.error = None


def run():
    """Do everything that was asked for."""
    plan = json.loads(os.environ["MAILGUN_BENCH"])
    forget()
    domain, servers = set_up()
    partners = env["res.partner"].create(
        [
            {"name": f"{SUBJECT} {number}", "email": f"bench-{number}@customer.test"}
            for number in range(max(way["mails"] for way in plan))
        ]
    )
    for way in plan:
        with prepared(way, domain, servers[way["by"]]):
            mails = write(partners[: way["mails"]], servers[way["by"]])
            logging.getLogger("bench").info("%s", json.dumps(send(mails)))


def forget():
    """Remove what the last run left."""
    env["mail.message"].search([("subject", "=", SUBJECT)]).unlink()
    env["res.partner"].search([("name", "=like", f"{SUBJECT} %")]).unlink()


def set_up():
    """Return a Mailgun domain, and the mail servers by name."""
    domain = env["mailgun.domain"].search([("name", "=", DOMAIN)])
    if not domain:
        domain = env["mailgun.domain"].create({"name": DOMAIN, "api_key": "bench"})
        domain.action_confirm()
        domain.action_setup_mail()
    ours = env["ir.mail_server"].search([("mailgun_domain_id", "=", domain.id)])
    smtp = env["ir.mail_server"].search([("name", "=", SUBJECT)])
    if not smtp:
        values = {"smtp_host": "127.0.0.1", "from_filter": DOMAIN, "sequence": 99}
        smtp = env["ir.mail_server"].create({"name": SUBJECT, **values})
    return domain, {"module": ours, "floor": ours, "core floor": ours, "smtp": smtp}


@contextlib.contextmanager
def prepared(way, domain, server):
    """Let mail leave in a way."""
    if way["by"] == "smtp":
        server.smtp_port = way["port"]
    domain.lane_count = way["lanes"]
    os.environ["MAILGUN_API_URL"] = f"http://127.0.0.1:{way['port']}"
    with contextlib.ExitStack() as stack:
        if way["by"] == "core floor":
            servers = env.registry["ir.mail_server"]
            stack.enter_context(
                unittest.mock.patch.object(servers, "_connect__", connect_to_nobody)
            )
        if way["by"] == "floor":
            session = type(server._connect__(mail_server_id=server.id))
            stack.enter_context(
                unittest.mock.patch.object(session, "send_message", take_nothing)
            )
        yield


def write(partners, server):
    """Return one committed mail to each partner, in the queue."""
    mails = env["mail.mail"].create(
        [
            {
                "subject": SUBJECT,
                "email_from": f"Sales <sales@{DOMAIN}>",
                "recipient_ids": [(4, partner.id)],
                "body_html": BODY,
                "mail_server_id": server.id,
            }
            for partner in partners
        ]
    )
    env.cr.commit()
    return mails.browse(mails.ids)


def send(mails):
    """Send as the queue does; return the seconds, and those of the processor."""
    env.invalidate_all()
    started, computed = time.perf_counter(), time.process_time()
    mails.send(auto_commit=True)
    took = time.perf_counter() - started, time.process_time() - computed
    env.invalidate_all()
    sent = mails.filtered(lambda mail: mail.state == "sent")
    if sent != mails:
        raise RuntimeError(f"{len(sent)} of {len(mails)} mails were sent")
    return took


run()
