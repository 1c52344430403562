"""For ``odoo shell``: what applying events costs, of one message to many and of many.

Both have the same number of copies; each is delivered, and every fiftieth bounces.
"""

import json
import logging
import os
import time

from odoo import fields

from odoo.addons.mail_mailgun.models.events.event_queue import EventQueue

told = json.loads(os.environ["MAILGUN_BENCH"])
count = told["copies"]
domain = env["mailgun.domain"].search([("name", "=", told["domain"])])
now = fields.Datetime.now()


def write_down(kind, message_count):
    """Make messages with ``count`` copies in all, and an event of each."""
    names = [f"{kind}{number}" for number in range(count)]
    partners = env["res.partner"].create(
        [{"name": name, "email": f"{name}@customer.test"} for name in names]
    )
    messages = env["mail.message"].create(
        [
            {
                "message_id": f"<{kind}.{number}@{domain.name}>",
                "message_type": "comment",
                "model": "res.partner",
                "res_id": partners[number].id,
                "author_id": env.ref("base.partner_admin").id,
            }
            for number in range(message_count)
        ]
    )
    copies = [
        (f"{kind}-{number}", partner, messages[number % message_count])
        for number, partner in enumerate(partners)
    ]
    for model, values in (
        ("mail.notification", notification),
        ("mailgun.delivery", delivery),
        ("mailgun.event", event),
    ):
        env[model].create([values(*copy) for copy in copies])
    env.cr.commit()


def notification(mark, partner, message):
    """Return the values of the notification of a copy."""
    return {
        "mail_message_id": message.id,
        "res_partner_id": partner.id,
        "notification_type": "email",
        "notification_status": "pending",
    }


def delivery(mark, partner, message):
    """Return the values of a copy that Mailgun has taken."""
    return {
        "domain_id": domain.id,
        "message_id": message.message_id,
        "partner_ref": partner.id,
        "recipient": partner.email,
        "reference": f".{mark}",
        "state": "accepted",
        "sending_at": now,
        "accepted_at": now,
    }


def event(mark, partner, message):
    """Return the values of an event about a copy: one of fifty has bounced."""
    number = int(mark.rpartition("-")[2])
    kind = "delivered" if number % 50 else "failed"
    return {
        "domain_id": domain.id,
        "event_id": mark,
        "event": kind,
        "recipient": partner.email,
        "message_id": message.message_id,
        "occurred_at": now,
        "day": now.date(),
        "payload": {
            "event": kind,
            "severity": "permanent",
            "reason": "bounce",
            "user-variables": {"odoo": f".{mark}"},
        },
    }


def apply(kind, message_count):
    """Return the seconds that an event takes."""
    write_down(kind, message_count)
    started = time.perf_counter()
    done = EventQueue(env.registry).work(time.monotonic() + 600)
    assert done == count, f"{done} of {count} were applied"
    return (time.perf_counter() - started) / count


# What is loaded and planned for the first time counts for neither.
apply("warm", count)
seconds = {"separate": [], "together": []}
for turn in range(told["turns"]):
    seconds["separate"].append(apply(f"separate{turn}-", count))
    seconds["together"].append(apply(f"together{turn}-", 1))
logging.getLogger("bench").info(json.dumps(seconds))
