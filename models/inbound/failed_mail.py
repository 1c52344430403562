import logging
from datetime import timedelta

from markupsafe import Markup

from odoo import fields, models
from odoo.fields import Domain

from ...const import ROUTING_BACKOFF, ROUTING_KILLS
from ...tools.errors import DeadlyMail, MailgunError
from ...tools.mime.mail_head import is_automatic
from ...tools.mime.verdicts import read_verdicts
from ..transactions.failures import is_no_route, is_retryable, summary_of, traceback_of
from .policy import authors_of

_logger = logging.getLogger(__name__)

# One answer a day to a sender: whoever writes to wrong addresses is no reason to write.
ANSWER_EVERY = timedelta(days=1)


class MailgunInboundEmail(models.Model):
    """What is written of mail that did not get to a record, and who is told of it."""

    _inherit = "mailgun.inbound.email"

    answered_at = fields.Datetime("Answered on", readonly=True)

    # === FAILURES === #

    def _may_retry(self):
        return self.attempt_count <= len(ROUTING_BACKOFF)

    def _register_failure(self, error):
        """Write down why routing failed, and whether it is tried again.

        :param Exception error: what routing raised
        """
        self.ensure_one()
        if self.state != "pending":
            # The commit went through; what raised came after it.
            _logger.warning("Inbound mail %s was routed, then: %s", self.id, error)
            return
        text = summary_of(error)
        values = {
            "error": text,
            "error_detail": traceback_of(error),
            "error_class": type(error).__name__,
        }
        if not isinstance(error, MemoryError):
            # The mail itself may be what is too large: that counts as a kill.
            values["unended_count"] = self.unended_count - 1
        if is_retryable(error) and self._may_retry():
            self._trigger_queue(self.next_attempt_at)
            _logger.info("Inbound mail %s is tried again: %s", self.id, text)
        elif is_no_route(error) and self._is_forwarding_request():
            values |= {"state": "held", **self._forwarding_request_values()}
        elif is_no_route(error):
            values |= {"state": "unrouted", **self._no_route_values()}
        else:
            values |= {"state": "failed", "remedy": self._remedy_for(error)}
            _logger.warning("Inbound mail %s failed for good: %s", self.id, text)
        self.write(values)

    def _tell_of_failure(self):
        """Tell whoever is to repair it, or the sender that there is no such address."""
        if self.state == "failed":
            self._raise_activity()
        elif self.state == "unrouted":
            self._answer_unknown()

    def _killer_text(self):
        return self.env._(
            "Odoo stopped %s times while it took this mail apart, so it does not try "
            "again by itself.",
            ROUTING_KILLS,
        )

    def _remedy_for(self, error):
        if isinstance(error, DeadlyMail):
            return self.env._(
                "The mail may be too large or malformed: the original can be "
                "downloaded below. If Odoo was stopped for another reason, say while "
                "it was updated, press Retry."
            )
        # What we say ourselves says what to do as well.
        return not isinstance(error, MailgunError) and self.env._(
            "Repair the reason, then press Retry on this mail and on others that "
            "failed alike."
        )

    def _no_route_values(self):
        return {
            "error": self.env._(
                "No record and no alias of this database takes mail for %s.",
                self.recipient,
            ),
            "remedy": self.env._(
                "Create the alias in Settings > Technical > Email > Aliases and press "
                "Retry."
            ),
        }

    # === ANSWERS: who gets one to mail that went nowhere, and who never does === #

    def _is_unanswerable(self, raw):
        """Tell whether an answer could start a loop, or would reach nobody.

        :param bytes raw: the mail as it came
        """
        return not self.sender or is_automatic(raw) or self._is_forwarding_request()

    def _refused_in_silence(self):
        """Return what is written of a mail that core refused and nobody answered.

        :return: state, reason and remedy
        """
        if self._is_forwarding_request():
            return "held", *self._forwarding_request_values().values()
        reason = self.env._(
            "Odoo does not accept this mail: the alias does not take mail from this "
            "sender, or it was written to the catchall address directly. The sender "
            "was not told, since a program wrote it."
        )
        return "ignored", reason, False

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
        """Exempt the authors from the loop guard for good, and route all their mail."""
        rows = self.filtered("is_looping")
        mails = [row._raw_bytes() or b"" for row in rows]
        authors = {one for raw in mails for one in authors_of(raw)}
        allowed = self.env["mail.gateway.allowed"]
        known = allowed.search([("email_normalized", "in", list(authors))])
        new = authors - set(known.mapped("email_normalized"))
        allowed.create([{"email": author} for author in new])
        held = Domain("state", "=", "held") & Domain("is_looping", "=", True)
        rows |= self.search(held & Domain("author", "in", list(authors)))
        return rows.action_release()
