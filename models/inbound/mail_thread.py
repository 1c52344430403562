import email
import email.policy
import sys
from dataclasses import dataclass, field

from odoo import api, models
from odoo.tools import email_normalize, email_split

from ...const import COUNTED, NOTES
from ...tools.mime.mend_head import header_values
from ...tools.mime.reports import says_failed
from ..transactions.failures import is_retryable
from ..transactions.locks import lock_rows


# Compared by identity: it travels in a context, and contexts are compared.
@dataclass(eq=False)
class RoutingNotes:
    """What core decided while it routed one mail; its methods do not return it."""

    #: The mail's row in the journal.
    row: models.Model | None = None
    #: A later attempt may still succeed, so nobody is told of a passing failure.
    may_retry: bool = False
    #: Whatever core thinks of the mail, its sender gets no answer.
    is_silent: bool = False
    #: A person has decided that the mail is routed.
    is_released: bool = False
    #: The recipient, if the mail names other addresses of ours but not this one.
    hidden_recipient: str | None = None
    #: What is not in core's copy of the mail (``tools/mime/core_copy.py``).
    parts: list = field(default_factory=list)
    #: Aliases that produced a route, i.e. whose recipients have got the mail.
    alias_ids: set = field(default_factory=set)
    bounce: bool = False
    #: The report says that a mail came back.
    counted: bool = False
    loop: bool = False
    answered: bool = False


class MailThread(models.AbstractModel):
    """Listens to core's gateway while one of our mails goes through it."""

    _inherit = "mail.thread"

    def _mailgun_notes(self):
        return self.env.context.get(NOTES) or RoutingNotes()

    @api.model
    def _routing_handle_bounce(self, email_message, message_dict):
        """Count a bounce once, though an event and a mail may both tell of it.

        Core takes every report for one: that a mail is late, was read, or is spam.
        """
        notes = self._mailgun_notes()
        notes.bounce = True
        notes.counted = email_message is None or says_failed(email_message)
        if not notes.counted:
            return None
        if not self.env.context.get(COUNTED):
            deliveries = self.env["mailgun.delivery"].sudo()
            if not deliveries._claim_bounce(
                message_dict["bounced_msg_ids"], message_dict["bounced_email"]
            ):
                return None
        return super()._routing_handle_bounce(email_message, message_dict)

    @api.model
    def _routing_create_bounce_email(
        self, email_from, body_html, message, **mail_values
    ):
        notes = self._mailgun_notes()
        notes.answered = True
        if notes.is_silent:
            return None
        return super()._routing_create_bounce_email(
            email_from, body_html, message, **mail_values
        )

    @api.model
    def _detect_loop_sender(self, message, message_dict, routes):
        notes = self._mailgun_notes()
        if notes.is_released:
            return False
        looping = super()._detect_loop_sender(message, message_dict, routes)
        notes.loop |= bool(looping)
        return looping

    @api.model
    def message_route(
        self, message, message_dict, model=None, thread_id=None, custom_values=None
    ):
        """Keep an alias in Bcc from making a forwarded mail of a reply.

        Core takes an alias of another model in To or Delivered-To as the sign of one
        and forgets the thread. Whoever is in Bcc gets the mail separately.
        """
        hidden = self._mailgun_notes().hidden_recipient
        to = message_dict["to"]
        if hidden and message_dict.get("parent_id"):
            message_dict["to"] = ", ".join(
                address for address in email_split(to) if address.lower() != hidden
            )
        try:
            return super().message_route(
                message, message_dict, model, thread_id, custom_values
            )
        finally:
            message_dict["to"] = to

    @api.model
    def _message_route_process(self, message, message_dict, routes):
        thread_id = super()._message_route_process(message, message_dict, routes)
        self._mailgun_notes().alias_ids.update(
            alias.id
            for _model, res_id, _values, _uid, alias in routes or ()
            # A reply carries an alias too, for its rules only: it goes to the record
            # that it answers, and the alias has got nothing.
            if alias and (not res_id or res_id == alias.alias_force_thread_id)
        )
        return thread_id

    @api.model
    def _mailgun_route_recipient(
        self, mime, recipient, save_original=False, strip_attachments=False
    ):
        """Route a mail for one envelope recipient that nothing in it names.

        Core takes a mail once: as a reply, or for the aliases in its headers. An alias
        in Bcc is neither, so it is routed as if the mail had been written to it alone;
        the same steps as ``message_process``, less the search for duplicates.

        :param bytes mime: the mail with its envelope headers
        :param str recipient: the address of an alias
        :param bool save_original: as of ``message_process``
        :param bool strip_attachments: as of ``message_process``
        """
        message = email.message_from_bytes(mime, policy=email.policy.SMTP)
        values = self.message_parse(message, save_original=save_original)
        values.pop("parent_id", None)
        if strip_attachments:
            values.pop("attachments", None)
        alone = {
            **values,
            "recipients": recipient,
            "to": recipient,
            "references": "",
            "in_reply_to": "",
        }
        routes = self.message_route(message, alone)
        if self._detect_loop_sender(message, alone, routes):
            return
        values["author_id"] = alone.get("author_id")
        values.update(self._message_parse_post_process(message, values, routes))
        self._message_route_process(message, values, routes)


class MailAlias(models.Model):
    """Keeps a passing failure between us and Mailgun instead of mailing the sender."""

    _inherit = "mail.alias"

    def write(self, vals):
        """Let the second of two mails come again that say at once how an alias is."""
        if "alias_status" in vals and self.env.context.get(NOTES):
            lock_rows(self)
        return super().write(vals)

    def _alias_bounce_incoming_email(self, message, message_dict, set_invalid=True):
        """Say nothing while a repetition may still succeed.

        Core calls this from its ``except`` block, for every kind of exception; a
        serialization failure would mark the alias invalid and mail the sender at each
        attempt.
        """
        notes = self.env.context.get(NOTES)
        if notes and notes.may_retry and is_retryable(sys.exc_info()[1]):
            return None
        return super()._alias_bounce_incoming_email(
            message, message_dict, set_invalid=set_invalid
        )


def header_recipients(mime):
    """Return the normalized addresses in To and Cc, as the sender wrote them.

    :param bytes mime: the mail as it came
    :rtype: set
    """
    values = header_values(mime, "to", "cc", "resent-to", "resent-cc")
    addresses = email_split(", ".join(values))
    return {email_normalize(address) or address.lower() for address in addresses}
