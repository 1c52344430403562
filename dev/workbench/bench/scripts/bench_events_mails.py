"""For ``odoo shell``: a domain, and mails that were sent through it and accepted."""

import json
import os

from odoo import fields

told = json.loads(os.environ["MAILGUN_BENCH"])
name, numbers = told["domain"], range(1, told["mails"] + 1)
domain = env["mailgun.domain"].create(
    {"name": name, "webhook_signing_key": told["signing_key"]}
)
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
now = fields.Datetime.now()
env["mailgun.delivery"].create(
    [
        {
            "domain_id": domain.id,
            "message_id": message.message_id,
            "mailgun_id": message.message_id,
            "partner_ref": message.res_id,
            "recipient": f"customer{number}@customer.test",
            "recipient_domain": "customer.test",
            "reference": f"bench-{number}",
            "res_model": "res.partner",
            "state": "accepted",
            "sending_at": now,
            "accepted_at": now,
        }
        for number, message in zip(numbers, messages, strict=True)
    ]
)
env.cr.commit()
