"""For ``odoo shell``: mails that were sent, by this module or as OCA's tracks them."""

import json
import os
import time

from odoo import fields

told = json.loads(os.environ["MAILGUN_BENCH"])
name, numbers = told["domain"], range(1, told["mails"] + 1)
now = fields.Datetime.now()


def sent_by_ours(messages):
    """A domain, deliveries that Mailgun has accepted, notifications that wait."""
    domain = env["mailgun.domain"].create(
        {"name": name, "webhook_signing_key": told["signing_key"]}
    )
    env["mail.notification"].create(
        [
            {
                "mail_message_id": message.id,
                "res_partner_id": message.res_id,
                "notification_type": "email",
                "notification_status": "pending",
            }
            for message in messages
        ]
    )
    env["mailgun.delivery"].create(
        [
            {
                "domain_id": domain.id,
                "message_id": message.message_id,
                "partner_ref": message.res_id,
                "recipient": f"customer{number}@customer.test",
                "recipient_domain": "customer.test",
                "reference": f".bench-{number}",
                "res_model": "res.partner",
                "state": "accepted",
                "sending_at": now,
                "accepted_at": now,
            }
            for number, message in zip(numbers, messages, strict=True)
        ]
    )


def tracked_by_oca(messages):
    """OCA's settings, and mails that it tracks."""
    parameters = {
        "mailgun.apikey": "bench",
        "mailgun.domain": name,
        "mailgun.webhook_signing_key": told["signing_key"],
    }
    for key, value in parameters.items():
        env["ir.config_parameter"].set_param(key, value)
    tracked = env["mail.tracking.email"].create(
        [
            {
                "name": "Your order",
                "timestamp": time.time(),
                "time": now,
                "mail_message_id": message.id,
                "partner_id": message.res_id,
                "recipient": f"customer{number}@customer.test",
                "sender": f"sales@{name}",
                "state": "sent",
            }
            for number, message in zip(numbers, messages, strict=True)
        ]
    )
    # Events name a mail by its number.
    if tracked.ids != list(numbers):
        raise RuntimeError(f"the mails are {tracked.ids}")


partners = env["res.partner"].create(
    [
        {"name": f"Customer {number}", "email": f"customer{number}@customer.test"}
        for number in numbers
    ]
)
messages = env["mail.message"].create(
    [
        {
            "message_id": f"<bench.{number}@{name}>",
            "message_type": "comment",
            "subject": "Your order",
            "model": "res.partner",
            "res_id": partner.id,
        }
        for number, partner in zip(numbers, partners, strict=True)
    ]
)
if told["sent_by"] == "mail_mailgun":
    sent_by_ours(messages)
else:
    tracked_by_oca(messages)
env.cr.commit()
