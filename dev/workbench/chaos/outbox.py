"""Mails to the world outside, two recipients each, and nobody in two of them."""

import secrets

from ..demo.demo_stage import DOMAIN
from ..servers.web_client import WebClient

_BODY = "<p>Your order leaves our warehouse today.</p>"


class Outbox:
    """Writes mails and leaves them in Odoo's queue.

    By turns it is a mail to two contacts, one to two addresses, and a message on a lead
    that notifies two contacts.

    :param admin: an administrator
    :param server: id of the mail server that they leave by; 0 = as Odoo chooses
    :ivar mails: ids of the ``mail.mail`` records
    :ivar recipients: addresses, each of which is to get one mail
    """

    def __init__(self, admin: WebClient, server: int = 0):
        self.mails: list[int] = []
        self.recipients: list[str] = []
        self._admin = admin
        self._server = server
        self._name = secrets.token_hex(4)
        self._lead = admin.ensure("crm.lead", {"name": f"Order {self._name}"})

    def write(self, count: int) -> None:
        """Write some more mails; they are committed when this returns."""
        pairs = [self._two_addresses() for _mail in range(count)]
        recipients = [{"recipient_ids": self._contacts(pair)} for pair in pairs[0::3]]
        recipients += [{"email_to": ", ".join(pair)} for pair in pairs[1::3]]
        self._create(recipients)
        for pair in pairs[2::3]:
            self._post(self._contacts(pair))

    def _two_addresses(self) -> list[str]:
        first = len(self.recipients)
        pair = [f"{self._name}-{first + turn}@customer.test" for turn in range(2)]
        self.recipients += pair
        return pair

    def _contacts(self, pair: list[str]) -> list[int]:
        values = [{"name": address, "email": address} for address in pair]
        return self._admin.call("res.partner", "create", values)

    def _create(self, recipients: list[dict]) -> None:
        values = {
            "subject": f"Order {self._name}",
            "body_html": _BODY,
            "email_from": f"Sales <sales@{DOMAIN}>",
            "mail_server_id": self._server,
        }
        mails = [{**values, **one} for one in recipients]
        self.mails += self._admin.call("mail.mail", "create", mails)

    def _post(self, contacts: list[int]) -> None:
        message = self._admin.call(
            "crm.lead",
            "message_post",
            [self._lead],
            body="Your order leaves our warehouse today.",
            partner_ids=contacts,
            message_type="comment",
            subtype_xmlid="mail.mt_comment",
            mail_server_id=self._server,
            # Core deletes what it has sent, and it is to be counted.
            mail_auto_delete=False,
            force_send=False,
        )
        found = ("mail_message_id", "in", message)
        self.mails += self._admin.search("mail.mail", found)
