"""For ``odoo shell``: OCA's settings, and mails that it tracks."""

import json
import os
import time

from odoo import fields

told = json.loads(os.environ["MAILGUN_BENCH"])
name, numbers = told["domain"], range(1, told["mails"] + 1)
parameters = {
    "mailgun.apikey": "bench",
    "mailgun.domain": name,
    "mailgun.webhook_signing_key": told["signing_key"],
}
for key, value in parameters.items():
    env["ir.config_parameter"].set_param(key, value)
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
tracked = env["mail.tracking.email"].create(
    [
        {
            "name": "Your order",
            "timestamp": time.time(),
            "time": fields.Datetime.now(),
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
env.cr.commit()
