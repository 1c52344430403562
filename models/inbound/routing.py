from datetime import timezone

from odoo import api, fields, models
from odoo.fields import Domain
from odoo.tools import email_normalize

from ...const import NOTES, ROUTING_BACKOFF, ROUTING_KILLS
from ...tools.api.record import LATE_SECONDS, Query
from ...tools.api.stored_mail import STORED_TYPES, StoredMail, fetch, stored_mail_of
from ...tools.errors import ApiError, DeadlyMail, LostMail, MalformedPayload
from ...tools.mime.split import MAX_HEAD
from ..transactions.budget import Budget
from ..transactions.words import in_words
from .inbound_queue import InboundQueue
from .mail_thread import RoutingNotes, header_recipients

# Mailgun repeats a post for eight hours; fetched mail may be older, and is asked for
# again without its file.
_POSTED_WITHIN = 9 * 3600


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
        budget = Budget(seconds)
        count = InboundQueue(self.env.registry).work(budget, cron._commit_progress)
        if not count:
            # Web workers are at what is left.
            cron._commit_progress(remaining=0)
        if budget.is_used_up:
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
        self.flush_model()
        # One statement, so that nothing can happen between finding and locking it. Who
        # has seen it before another one changed it comes again, see ``committed``.
        self.env.cr.execute(
            """UPDATE mailgun_inbound_email
                  SET attempt_count = COALESCE(attempt_count, 0) + 1,
                      unended_count = COALESCE(unended_count, 0) + 1,
                      next_attempt_at = %(now)s + interval '1 second' *
                          (%(waits)s)[LEAST(COALESCE(attempt_count, 0) + 1, %(last)s)]
                WHERE id = (SELECT id FROM mailgun_inbound_email
                             WHERE state = 'pending' AND message_id = %(message_id)s
                               AND next_attempt_at <= %(now)s
                             ORDER BY id LIMIT 1
                               FOR NO KEY UPDATE SKIP LOCKED)
            RETURNING id""",
            {
                "message_id": message_id,
                "now": fields.Datetime.now(),
                "waits": list(ROUTING_BACKOFF),
                "last": len(ROUTING_BACKOFF),
            },
            log_exceptions=False,
        )
        row = self.browse(row_id for (row_id,) in self.env.cr.fetchall())
        row.invalidate_recordset(["attempt_count", "unended_count", "next_attempt_at"])
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
            self._give_to_core(head, known, settled, notes)
        self.alias_ids = [fields.Command.set(notes.alias_ids)]
        self._conclude(known, self._find_message(), notes, settled)
        self._mark(findings, known)
        return notes.loop

    def _give_to_core(self, head, known, settled, notes):
        gateway = self.env["mail.thread"].with_context(**{NOTES: notes})
        server = self.env["fetchmail.server"]._mailgun_server(self.domain_id)
        options = server._mailgun_options()

        def process(mime):
            if not (known or settled):
                gateway.message_process(server.object_id.model or None, mime, **options)
            if self._is_unreached(head, known, notes):
                gateway._mailgun_route_recipient(mime, self.recipient, **options)

        self._pass_to_core(notes, process)

    def _fetch_stored(self):
        """Get the whole mail of which the post brought the text only.

        :raise MailgunError: it cannot be had, perhaps not now
        """
        where = StoredMail("", self.message_id, (self.recipient,), self.stored_url)
        with self.domain_id._open_client() as client:
            post = fetch(client, where)
        self._raw_attachment().raw = post.raw
        self.stored_url = False

    def _as_stored(self, client):
        """Return where Mailgun's record says that it keeps this mail, if anywhere.

        :param MailgunClient client: that may read the record
        :rtype: StoredMail
        :raise ApiError: it cannot be asked
        """
        came = self.create_date.replace(tzinfo=timezone.utc).timestamp()
        begin, end = came - _POSTED_WITHIN, came + LATE_SECONDS
        query = Query(begin, end, STORED_TYPES, message_id=self.message_id)
        events = self.domain_id._record(client).read(query)
        found = filter(None, map(stored_mail_of, events))
        mine = (one for one in found if one.url and self.recipient in one.recipients)
        return next(mine, StoredMail("", self.message_id, (self.recipient,), ""))

    def _bytes_to_route(self):
        """Return the exact bytes of the mail.

        :raise LostMail: they were removed, or the file store has lost them
        """
        raw = self._raw_bytes()
        if raw is not None:
            return raw
        if self._raw_attachment():
            return self._fetch_lost()
        raise LostMail(
            self.env._(
                "The file of this mail was removed, as that of all mail that needs "
                "nothing more. Ask the sender to send the mail again."
            )
        )

    def _fetch_lost(self):
        """Get bytes from Mailgun that the file store has lost.

        :raise LostMail: Mailgun does not keep them, or cannot be asked now
        """
        file = self._raw_attachment()
        try:
            with self.domain_id._open_reader() as client:
                post = fetch(client, self._as_stored(client))
        except (ApiError, MalformedPayload) as error:
            raise LostMail(
                self.env._(
                    "The bytes of this mail are missing from Odoo's file store or were "
                    "changed there (%(file)s), and Mailgun does not give them: "
                    "%(why)s Restore the file from a backup and press Retry, or ask "
                    "the sender to send the mail again.",
                    file=file.store_fname,
                    why=in_words(self.env, error),
                )
            ) from error
        file.raw = post.raw
        return post.raw

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
        state, error, remedy = "done", False, False
        if message == known:
            state, error, remedy = self._nothing_came(known, notes, settled)
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

    def _nothing_came(self, known, notes, settled):
        """Return state, reason and remedy of a mail that made no message."""
        is_first = not (known or settled)
        if is_first and notes.loop:
            reason = self.env._(
                "Too many mails from this sender in a short time (mail loop guard)."
            )
            remedy = self.env._("If the sender is trusted, press Allow Sender.")
            return "held", reason, remedy
        if is_first and notes.answered and notes.is_silent and not notes.bounce:
            return self._refused_in_silence()
        return "ignored", self._why_nothing(known, notes, settled), False

    def _why_nothing(self, known, notes, settled):
        if settled:
            return self.env._(
                "Odoo has dealt with this mail when it came for another recipient."
            )
        if known:
            return self.env._(
                "The message is in Odoo already, and this recipient needs no copy."
            )
        if notes.bounce and not notes.counted:
            return self.env._(
                "A report that no mail came back: that one is late, was passed on, was "
                "read, or was called spam. Nothing is counted."
            )
        if notes.bounce:
            return self.env._(
                "A delivery report: noted on the message that was not delivered."
            )
        if notes.answered:
            return self.env._(
                "Odoo does not accept this mail and told the sender so: the alias does "
                "not take mail from this sender, or it was written to the catchall "
                "address directly."
            )
        return self.env._(
            "Odoo took no action: an automatic answer to one of its own notices."
        )
