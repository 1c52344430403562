"""The main job, acted out: mail leaves Odoo, comes back, and makes a new record.

Each scene looks into the database itself and does not take Odoo's word for it.
"""

import hashlib
import re
import time
from pathlib import Path

from ..machine import paths
from ..machine.steps import StepFailed, Steps
from ..servers.web_client import WebClient
from .demo_settings import CUSTOMER, SALES_ALIAS, SALES_USER
from .demo_stage import DATABASE, DOMAIN, Stage

_ATTACHMENT = "measurements.bin"
# No text in any encoding, so a single changed byte shows.
_BYTES = bytes(range(256)) * 64


def act(steps: Steps, stage: Stage) -> None:
    """Play all scenes.

    :raise StepFailed: when one does not end as it should
    """
    _round_trip(steps, stage)
    last_row = _highest(stage, "mailgun_inbound_email")
    partner, message, mail = _sales_writes(steps, stage)
    _customer_replies(steps, stage, partner, message, mail)
    _somebody_writes(steps, stage)
    _show_journal(steps, stage, last_row)


def _round_trip(steps: Steps, stage: Stage) -> None:
    """Press the button that proves the whole way."""
    admin = WebClient(stage.url, DATABASE, "admin", "admin")
    (domain,) = admin.search("mailgun.domain", ("name", "=", DOMAIN))
    action = admin.call("mailgun.domain", "action_round_trip", [domain])
    trip = [action["res_id"]]
    admin.call("mailgun.round.trip", "start", trip)

    def ended():
        found = admin.call("mailgun.round.trip", "refresh", trip)
        return found if found["state"] != "running" else None

    found = steps.wait_for("the round trip", ended)
    if found["state"] != "done" or found["remedy"]:
        raise StepFailed(f"the round trip: {found['remedy']}")
    steps.say("the round trip is proven")
    steps.found(
        **{step["name"]: f"after {step['seconds']} s" for step in found["steps"]}
    )


def _sales_writes(steps: Steps, stage: Stage) -> tuple[int, int, dict]:
    """Post to the contact; return partner, message, and the mail out there."""
    sales = WebClient(stage.url, DATABASE, SALES_USER, SALES_USER)
    (partner,) = sales.search("res.partner", ("email", "=", CUSTOMER))
    (message,) = sales.call(
        "res.partner",
        "message_post",
        [partner],
        body="How many do you need?",
        subject=f"Your question of {time.strftime('%H:%M:%S')}",
        message_type="comment",
        subtype_xmlid="mail.mt_comment",
        partner_ids=[partner],
    )
    ((message_id,),) = stage.rows(
        "SELECT message_id FROM mail_message WHERE id = %s", message
    )
    steps.say("Sales wrote to the customer in the chatter of the contact")

    def arrived():
        mails = stage.sandbox.mails_of(CUSTOMER)
        return next((mail for mail in mails if mail["message_id"] == message_id), None)

    mail = steps.wait_for("the mail to reach the customer's mailbox", arrived)
    steps.say("the customer has the mail, sent by Mailgun's API")
    steps.found(
        Message_Id=mail["message_id"],
        From=mail["from"],
        recipients=", ".join(mail["recipients"]),
    )
    ((status,),) = steps.wait_for(
        "the notification to say that it was delivered",
        lambda: stage.rows(
            """SELECT notification_status FROM mail_notification
               WHERE mail_message_id = %s AND res_partner_id = %s
                 AND notification_status NOT IN ('ready', 'pending')""",
            message,
            partner,
        ),
    )
    steps.found(notification=status)
    if status != "sent":
        raise StepFailed(f"the notification is {status}, not sent")
    return partner, message, mail


def _customer_replies(
    steps: Steps, stage: Stage, partner: int, message: int, mail: dict
) -> None:
    stage.sandbox.reply(mail["id"], "Three hundred, please.\n")
    rows = steps.wait_for(
        "the reply in the chatter",
        lambda: stage.rows(
            """SELECT message.subject, author.name, message.body
               FROM mail_message AS message
               LEFT JOIN res_partner AS author ON author.id = message.author_id
               WHERE message.model = 'res.partner' AND message.res_id = %s
                 AND message.message_type = 'email' AND message.id > %s""",
            partner,
            message,
        ),
    )
    ((subject, author, body),) = rows
    steps.say("the customer's reply is in the chatter of the same contact")
    steps.found(subject=subject, author=author, body=_first_line(body))
    if "Three hundred" not in body:
        raise StepFailed(f"the reply has another body: {body}")


def _somebody_writes(steps: Steps, stage: Stage) -> None:
    subject = f"An offer, please, {time.strftime('%H:%M:%S')}"
    recipient = f"{SALES_ALIAS}@{DOMAIN}"
    last_lead = _highest(stage, "crm_lead")
    stage.sandbox.write(
        "Newcomer <newcomer@customer.test>",
        recipient,
        subject,
        "Our measurements are attached.\n",
        **{_ATTACHMENT: _BYTES},
    )
    ((lead, name),) = steps.wait_for(
        "a lead",
        lambda: stage.rows(
            "SELECT id, name FROM crm_lead WHERE id > %s AND name = %s",
            last_lead,
            subject,
        ),
    )
    steps.say(f"a mail to {recipient} made a lead")
    ((attachment, store),) = stage.rows(
        """SELECT name, store_fname FROM ir_attachment
           WHERE res_model = 'crm.lead' AND res_id = %s""",
        lead,
    )
    stored = Path(paths.DATA, "filestore", DATABASE, store).read_bytes()
    digest = hashlib.sha256(stored).hexdigest()
    steps.found(lead=name, attachment=attachment, sha256=digest)
    if stored != _BYTES:
        raise StepFailed("the attachment's bytes changed on the way")


def _show_journal(steps: Steps, stage: Stage, last_row: int) -> None:
    rows = stage.rows(
        """SELECT state, recipient, coalesce(error, '') FROM mailgun_inbound_email
           WHERE id > %s ORDER BY id""",
        last_row,
    )
    steps.say("the journal of inbound mail")
    for state, recipient, error in rows:
        steps.found(**{state: f"{recipient} {error}".rstrip()})
    if [state for state, *_ in rows] != ["done", "done"]:
        raise StepFailed("two mails came in, so there should be two rows, both done")


def _first_line(body: str) -> str:
    return re.sub("<[^>]+>", "", body).strip().splitlines()[0]


def _highest(stage: Stage, table: str) -> int:
    ((highest,),) = stage.rows(f"SELECT coalesce(max(id), 0) FROM {table}")
    return highest
