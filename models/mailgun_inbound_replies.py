from datetime import timedelta

from markupsafe import Markup

from odoo import fields, models

from ..tools.mail_head import is_automatic
from ..tools.verdicts import read_verdicts
from .mail_authors import authors_of

# One answer a day to a sender: whoever writes to wrong addresses is no reason to write.
ANSWER_EVERY = timedelta(days=1)


class MailgunInboundEmail(models.Model):
    """Who gets an answer to mail that went nowhere, and who never does."""

    _inherit = "mailgun.inbound.email"

    answered_at = fields.Datetime("Answered on", readonly=True)

    def _is_unanswerable(self, raw):
        """Tell whether an answer could start a loop, or would reach nobody.

        :param bytes raw: the mail as it came
        """
        return not self.sender or is_automatic(raw) or self._is_forwarding_request(raw)

    def _refused_in_silence(self):
        """Return state and reason of a mail that core refused and nobody answered."""
        if self._is_forwarding_request(self._raw_bytes()):
            return "held", self._forwarding_request_text()
        return "ignored", self.env._(
            "Odoo does not accept this mail: the alias does not take mail from this "
            "sender, or it was written to the catchall address directly. The sender "
            "was not told, since a program wrote it."
        )

    def _answer_unknown(self):
        """Tell the sender that there is no such address, where that is wanted and safe.

        Only to senders that SPF or DKIM proves: an answer to a forged sender is spam.
        """
        if not self.domain_id.answer_unknown or self._was_answered_lately():
            return
        raw, sender = self._raw_bytes(), self.sender or ""
        # The answer goes to the envelope sender: DKIM of another domain says nothing
        # of that address.
        proven = self.is_tagged and read_verdicts(raw).prove(sender, sender)
        if not proven or self._is_unanswerable(raw):
            return
        self.answered_at = fields.Datetime.now()
        self._compose_unknown().send_after_commit()

    def _was_answered_lately(self):
        return bool(
            self.search_count(
                [
                    ("sender", "=ilike", self.sender or ""),
                    ("answered_at", ">", fields.Datetime.now() - ANSWER_EVERY),
                ],
                limit=1,
            )
        )

    def _compose_unknown(self):
        text = self.env._(
            "Your mail could not be delivered: there is no address %s here. Please "
            "check its spelling.",
            self.recipient,
        )
        return (
            self.env["mail.mail"]
            .sudo()
            .create(
                {
                    "subject": f"Re: {self.subject or ''}",
                    "body_html": Markup("<p>%s</p>") % text,
                    "email_from": f"MAILER-DAEMON@{self.domain_id.name}",
                    "email_to": self.sender,
                    "references": self.message_id,
                    "auto_delete": True,
                    # Nobody shall answer this one (RFC 3834).
                    "headers": {
                        "Auto-Submitted": "auto-replied",
                        "X-Auto-Response-Suppress": "All",
                    },
                }
            )
        )

    def action_allow_sender(self):
        """Exempt the authors from the loop guard for good, and route the mails."""
        rows = self.filtered("is_looping")
        allowed = self.env["mail.gateway.allowed"]
        for author in {one for row in rows for one in authors_of(row._raw_bytes())}:
            if not allowed.search_count([("email_normalized", "=", author)]):
                allowed.create({"email": author})
        rows.action_release()
