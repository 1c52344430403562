"""Mails from outside, each with what it has to make of the database."""

import email.policy
import email.utils
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from email.message import EmailMessage

from ..demo.demo_settings import SALES_ALIAS
from ..demo.demo_stage import DOMAIN

SALES = f"{SALES_ALIAS}@{DOMAIN}"
SERVICE = f"service@{DOMAIN}"
CONTACTS = f"contacts@{DOMAIN}"
#: Each makes a new record of its own: two of them leads, one a contact.
ALIASES = (SALES, SERVICE, CONTACTS)
#: No alias: only replies may come here.
CATCHALL = f"catchall@{DOMAIN}"


@dataclass(frozen=True)
class Letter:
    """A mail, and what it has to make.

    :param recipients: of the envelope; Mailgun posts once for each
    :param records: new ones that carry its subject as their name
    :param messages: that carry its Message-Id
    """

    sender: str
    recipients: tuple[str, ...]
    subject: str
    message_id: str
    raw: bytes
    records: int
    messages: int


class Desk:
    """Writes mails that differ from all others, by senders who write only once.

    Odoo holds back who writes much in a short time.
    """

    def __init__(self):
        self._name = secrets.token_hex(4)
        self._count = 0

    def new(self, to: str, cc: str = "", bcc: Sequence[str] = ()) -> Letter:
        """Write to aliases: a record for each of them."""
        recipients = tuple(filter(None, (to, cc, *bcc)))
        return self._write(to, cc, recipients, len(recipients), len(recipients))

    def reply(self, first: Letter, bcc: Sequence[str] = ()) -> Letter:
        """Answer in a thread: a message there, and a record for each alias in Bcc."""
        recipients = (CATCHALL, *bcc)
        return self._write(
            CATCHALL, "", recipients, len(bcc), 1 + len(bcc), first.message_id
        )

    def _write(
        self, to, cc, recipients, records, messages, in_reply_to: str = ""
    ) -> Letter:
        self._count += 1
        sender = f"writer-{self._name}-{self._count}@customer.test"
        subject = f"Mail {self._count} of {self._name}"
        message_id = f"<{secrets.token_hex(12)}@world.test>"
        headers = {
            "From": sender,
            "To": to,
            "Cc": cc,
            "Subject": subject,
            "Date": email.utils.formatdate(localtime=True),
            "Message-Id": message_id,
            "In-Reply-To": in_reply_to,
            "References": in_reply_to,
        }
        message = EmailMessage(email.policy.SMTP)
        for name, value in headers.items():
            if value:
                message[name] = value
        message.set_content("How many do you have left?\n")
        return Letter(
            sender,
            recipients,
            subject,
            message_id,
            message.as_bytes(),
            records,
            messages,
        )
