import logging
import time
from datetime import timedelta

from markupsafe import Markup

from odoo import api, fields, models
from odoo.fields import Domain
from odoo.tools import SQL, email_normalize

from ...const import NOTES, ROUTING_BACKOFF, ROUTING_KILLS
from ...tools.api.stored_mail import StoredMail, fetch
from ...tools.errors import DeadlyMail, LostMail, MailgunError
from ...tools.mime.mail_head import MAX_HEAD, envelope, is_automatic
from ...tools.mime.verdicts import read_verdicts
from ..transactions.failures import is_no_route, is_retryable, summary_of, traceback_of
from .inbound_queue import InboundQueue
from .mail_thread import RoutingNotes, header_recipients
from .policy import authors_of

_logger = logging.getLogger(__name__)

# One answer a day to a sender: whoever writes to wrong addresses is no reason to write.
ANSWER_EVERY = timedelta(days=1)


class MailgunInboundEmail(models.Model):
    """How a mail of the journal gets to its records; who does it is ``InboundQueue``.

    The state changes in the transaction that routes the mail, so both happen or none.
    """

    _inherit = "mailgun.inbound.email"

    # === QUEUE === #

    @api.model
    def _process_queue(self):
        """Route what is waiting: the cron's entry, for all that no worker has taken."""
        cron = self.env["ir.cron"]
        seconds = cron._commit_progress(remaining=self.search_count(self._due()))
        deadline = time.monotonic() + seconds
        count = InboundQueue(self.env.registry).work(deadline, cron._commit_progress)
        if not count:
            # Web workers are at what is left.
            cron._commit_progress(remaining=0)
        if time.monotonic() >= deadline:
            # Odoo goes on with what is left when a cron worker looks again, which may
            # be in a minute; this wakes one.
            self._trigger_queue()

    @api.model
    def _due(self):
        now = fields.Datetime.now()
        return Domain("state", "=", "pending") & Domain("next_attempt_at", "<=", now)

    @api.model
    def _claim(self, message_id):
        """Take the next waiting row of a mail, counting the attempt beforehand.

        Committed before the attempt starts: a mail that kills the worker has then used
        up an attempt as well, and waits before the next. What somebody is deciding
        about, or is being held with a flood, is left alone.

        :return: the row, or an empty recordset
        """
        domain = self._due() & Domain("message_id", "=", message_id)
        query = self._search(domain, order="id", limit=1).select()
        # One statement, so that nothing can happen between finding and locking it.
        locked = SQL("%s FOR NO KEY UPDATE SKIP LOCKED", query)
        row = self.browse(row_id for (row_id,) in self.env.execute_query(locked))
        if row:
            wait = ROUTING_BACKOFF[min(row.attempt_count, len(ROUTING_BACKOFF) - 1)]
            row.attempt_count += 1
            row.unended_count += 1
            row.next_attempt_at = fields.Datetime.now() + timedelta(seconds=wait)
        return row

    @api.model
    def _trigger_queue(self, at=None):
        self.env.ref("mail_mailgun.ir_cron_inbound_queue")._trigger(at)

    # === ROUTING === #

    def _route(self, may_retry=False):
        """Give the mail to core's gateway and note what became of it.

        :param bool may_retry: a failure that passes is tried again within this attempt
        :return: whether core's guard against loops has stopped it
        :rtype: bool
        :raise DeadlyMail: Odoo was stopped too often while it did so
        :raise Exception: whatever routing raises; nothing is kept then
        """
        self.ensure_one()
        if self.state != "pending" or self._is_round_trip():
            return False
        if self.unended_count > ROUTING_KILLS:
            raise DeadlyMail(self._killer_text())
        if self.stored_url:
            self._fetch_stored()
        # All that is looked at here. Of the mail itself there are enough copies while
        # core takes it apart.
        head = self._bytes_to_route()[: MAX_HEAD + 1]
        notes = RoutingNotes(
            row=self,
            may_retry=may_retry or self._may_retry(),
            is_silent=self._is_unanswerable(head),
            is_released=bool(self.released_by_id),
            hidden_recipient=self._hidden_recipient(head),
        )
        known = self._find_message()
        settled = not known and self._is_settled_by_another_row()
        if (known or settled) and self._hold_namesake(known, self._bytes_to_route()):
            return False
        findings = []
        if not (known or settled) or self._is_unreached(head, known, notes):
            findings = self._find_doubts(head)
            if self._hold(findings):
                return False
            self._pass_to_core(head, known, settled, notes)
        self.alias_ids = [fields.Command.set(notes.alias_ids)]
        self._conclude(known, self._find_message(), notes, settled)
        self._mark(findings, known)
        return notes.loop

    def _pass_to_core(self, head, known, settled, notes):
        recipients = [self.recipient]
        mime = envelope(
            self._bytes_to_route(), self.sender, recipients, self.message_id
        )
        gateway = self.env["mail.thread"].with_context(**{NOTES: notes})
        server = self.env["fetchmail.server"]._mailgun_server(self.domain_id)
        options = server._mailgun_options()
        if not (known or settled):
            gateway.message_process(server.object_id.model or None, mime, **options)
        if self._is_unreached(head, known, notes):
            gateway._mailgun_route_recipient(mime, self.recipient, **options)

    def _fetch_stored(self):
        """Get the whole mail of which the post brought the text only.

        :raise MailgunError: it cannot be had, perhaps not now
        """
        where = StoredMail("", self.message_id, (self.recipient,), self.stored_url)
        with self.domain_id._open_client() as client:
            post = fetch(client, where)
        self._raw_attachment().raw = post.raw
        self.stored_url = False

    def _bytes_to_route(self):
        """Return the exact bytes of the mail.

        :raise LostMail: they were removed, or the file store has lost them
        """
        raw = self._raw_bytes()
        if raw is not None:
            return raw
        attachment = self._raw_attachment()
        if attachment:
            raise LostMail(
                self.env._(
                    "The file of this mail, %s, is missing from Odoo's file store or "
                    "was changed there. Restore it from a backup and press Retry, or "
                    "ask the sender to send the mail again.",
                    attachment.store_fname,
                )
            )
        raise LostMail(
            self.env._(
                "The file of this mail was removed, as that of all mail that needs "
                "nothing more. Ask the sender to send the mail again."
            )
        )

    def _is_round_trip(self):
        """Tell whether the mail only proves the way; it goes nowhere then."""
        if not self.env["mailgun.round.trip"]._is_ours(self.message_id):
            return False
        self.write(
            {"state": "ignored", "error": self.env._("A round trip: it came back.")}
        )
        return True

    def _find_message(self):
        domain = [("message_id", "=", self.message_id)]
        return self.env["mail.message"].search(domain, order="id desc", limit=1)

    def _is_settled_by_another_row(self):
        """Tell whether core decided about the mail already, and made no message of it.

        Core looks at all recipients in the headers at once: to ask it again for each
        post would answer the sender, or count a delivery report, that many times.
        """
        return bool(
            self.search_count(
                [("message_id", "=", self.message_id), ("is_settled", "=", True)]
            )
        )

    def _is_unreached(self, raw, known, notes):
        """Tell whether the recipient is an alias that the mail has not reached.

        Aliases in To and Cc are core's business. A message that this database sent
        itself comes back to nobody: no row of it was ever routed here.
        """
        routed = self.search(
            [("message_id", "=", self.message_id), ("state", "=", "done")]
        )
        alias = self._find_alias()
        if not alias or notes.bounce or notes.loop or (known and not routed):
            return False
        reached = notes.alias_ids | set(routed.alias_ids.ids)
        return alias.id not in reached and (
            email_normalize(self.recipient) not in header_recipients(raw)
        )

    def _hidden_recipient(self, raw):
        """Return the recipient if the mail names others of ours, but not this one."""
        recipient = email_normalize(self.recipient) or self.recipient.lower()
        named = header_recipients(raw)
        ours = {self.domain_id.name, *self.domain_id.alias_domain_id.mapped("name")}
        at_ours = any(address.partition("@")[2] in ours for address in named)
        return recipient if at_ours and recipient not in named else None

    def _find_alias(self):
        address = (email_normalize(self.recipient) or self.recipient).lower()
        by_local_part = Domain("alias_name", "=", address.partition("@")[0]) & Domain(
            "alias_incoming_local", "=", True
        )
        domain = Domain("alias_full_name", "=", address) | by_local_part
        return self.env["mail.alias"].search(domain, limit=1)

    def _conclude(self, known, message, notes, settled):
        """Write the end of the story: done, or why nothing came of the mail."""
        state, error, remedy = "ignored", False, False
        if message != known:
            state = "done"
        elif settled:
            error = self.env._(
                "Odoo has dealt with this mail when it came for another recipient."
            )
        elif known:
            error = self.env._(
                "The message is in Odoo already, and this recipient needs no copy."
            )
        elif notes.loop:
            state = "held"
            error = self.env._(
                "Too many mails from this sender in a short time (mail loop guard)."
            )
            remedy = self.env._("If the sender is trusted, press Allow Sender.")
        elif notes.bounce and not notes.counted:
            error = self.env._(
                "A report that no mail came back: that one is late, was passed on, was "
                "read, or was called spam. Nothing is counted."
            )
        elif notes.bounce:
            error = self.env._(
                "A delivery report: noted on the message that was not delivered."
            )
        elif notes.answered and notes.is_silent:
            state, error, remedy = self._refused_in_silence()
        elif notes.answered:
            error = self.env._(
                "Odoo does not accept this mail and told the sender so: the alias does "
                "not take mail from this sender, or it was written to the catchall "
                "address directly."
            )
        else:
            error = self.env._(
                "Odoo took no action: an automatic answer to one of its own notices."
            )
        self.write(
            {
                "state": state,
                "is_looping": notes.loop,
                "is_settled": message == known and not (known or settled),
                "error": error,
                "remedy": remedy,
                "error_detail": False,
                "mail_message_id": message.id,
            }
        )
        self._close_activity()

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

    answered_at = fields.Datetime("Answered on", readonly=True)

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
