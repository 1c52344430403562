from datetime import datetime, timedelta, timezone

from odoo import api, fields, models
from odoo.fields import Domain
from odoo.tools import format_datetime

from ...const import MAIL_ASKS, SENDING_BACKOFF, SENDING_GIVES_UP, SETTING_PAUSE
from ...tools.errors import DoubtfulError, SettingError, TransientError
from ...tools.sentence import Sentence as _lt
from ..transactions.failures import summary_of
from ..transactions.words import in_words
from .mail_mail import CONTINUES, NO_WAIT

_GIVES_UP = timedelta(seconds=SENDING_GIVES_UP)

_NO_MEMORY = TransientError(
    _lt(
        "This server had too little memory for the email and its attachments. Send "
        "links instead of files, or raise limit_memory_hard."
    )
)


class MailMail(models.Model):
    """Mail that has to wait: back into the queue, until when and why, or given up."""

    _inherit = "mail.mail"

    # === PUTTING BACK === #

    def _mailgun_put_back(self, run, error):
        """Put a mail that was not taken back into the queue, or give it up.

        :param SendingRun run: of the batch
        :param ApiError error: why it was not taken
        """
        now = fields.Datetime.now()
        kind, moment = self._mailgun_next_attempt(error)
        if isinstance(error, DoubtfulError):
            # Settling wakes the mail up earlier if it can; a minute for that.
            settling = timedelta(minutes=run.policy.settling_minutes + 1)
            kind, moment = "doubt", now + settling
        give_up_at = self._mailgun_give_up_date(error, now)
        if kind == "wait" and now >= give_up_at:
            self._mailgun_give_up(error)
            return
        self._mailgun_wait_until(
            moment,
            mailgun_domain_ref=run.policy.domain_id,
            mailgun_wait=kind,
            mailgun_wait_reason=in_words(self.env, error),
            mailgun_wait_since=self.mailgun_wait_since or now,
            mailgun_wait_count=self.mailgun_wait_count + 1,
            mailgun_give_up_at=give_up_at,
        )
        self._mailgun_wake_queue(run, moment)

    def _mailgun_put_rest_back(self, run):
        """Put off what was not tried any more when the run was stopped.

        Else the queue would take the same mails again and again, and others, of other
        servers, would stay behind them.
        """
        if not run.stopped_by:
            return
        due = self._mailgun_due() & Domain("id", "in", self.ids)
        rest = self.search(due).try_lock_for_update()
        new = rest.filtered(lambda mail: mail._mailgun_is_new())
        for mail in new:
            mail._mailgun_fail(in_words(self.env, run.stopped_by), "unknown", {})
            mail._mailgun_wait_after_commit(run, run.stopped_by)
        rest -= new
        if not rest:
            return
        kind, moment = self.browse()._mailgun_next_attempt(run.stopped_by)
        values = {
            "mailgun_domain_ref": run.policy.domain_id,
            "mailgun_wait": kind,
            "mailgun_wait_reason": in_words(self.env, run.stopped_by),
        }
        new = rest.filtered(lambda mail: not mail.mailgun_wait_since)
        new.mailgun_wait_since = fields.Datetime.now()
        rest._mailgun_wait_until(moment, **values)
        rest._mailgun_wake_queue(run, moment)

    def _mailgun_wait_until(self, moment, **values):
        self.with_context(**{CONTINUES: True}).write(
            {
                "state": "outgoing",
                "scheduled_date": moment,
                "failure_type": False,
                "failure_reason": False,
                **values,
            }
        )

    def _mailgun_next_attempt(self, error):
        """Return what is waited for, and until when."""
        now = fields.Datetime.now()
        if isinstance(error, SettingError):
            return "setting", now + timedelta(seconds=SETTING_PAUSE)
        number = min(self.mailgun_wait_count, len(SENDING_BACKOFF) - 1)
        moment = now + timedelta(seconds=SENDING_BACKOFF[number])
        hinted = getattr(error, "retry_at", 0)
        return "wait", _naive(hinted + 1) if hinted else moment

    def _mailgun_give_up_date(self, error, now):
        """Return when waiting ends: a day after it began, or after Mailgun's date."""
        since = self.mailgun_wait_since or now
        dates = [since + _GIVES_UP]
        if self.mailgun_give_up_at:
            dates.append(self.mailgun_give_up_at)
        if hinted := getattr(error, "retry_at", 0):
            dates.append(_naive(hinted) + _GIVES_UP)
        return max(dates)

    def _mailgun_wake_queue(self, run, moment):
        """Have the queue run at a moment, once for all mails of the same minute."""
        minute = moment.replace(second=0, microsecond=0) + timedelta(minutes=1)
        if run.is_new_waking(minute):
            cron = self.env.ref("mail.ir_cron_mail_scheduler_action")
            cron.sudo()._trigger(minute)

    def _mailgun_confirmed(self):
        """Go on with mails of which it is known now what Mailgun has taken.

        Sent again, they go to whom the ledger has no copy of; with the others done.

        :return: the mails that go on; what has failed otherwise waits for Retry
        """
        waiting = self.filtered(
            lambda mail: (
                mail.mailgun_wait in ("doubt", "uncertain")
                and mail.state in ("outgoing", "exception")
            )
        )
        if waiting:
            # Old mail may be too old by now, which is for a person to say.
            waiting._mailgun_wait_until(False, mailgun_wait="wait")
            cron = self.env.ref("mail.ir_cron_mail_scheduler_action")
            cron.sudo()._trigger()
        return waiting

    # === ENDING === #

    def _mailgun_forget_waiting(self, error):
        """End the wait of a mail that is sent, or refused for good.

        :param RefusedMessage error: why it, or a part of it, was refused; or None
        """
        values = dict(NO_WAIT) if self.mailgun_wait else {}
        if error and self.state == "exception":
            values["failure_reason"] = in_words(self.env, error)
        if values:
            self.write(values)

    def _mailgun_give_up(self, error):
        since = self._mailgun_moment_text(self.mailgun_wait_since)
        reason = self.env._(
            "Given up after waiting since %(since)s. The last reason: %(reason)s An "
            "administrator can send it all the same: Emails, Retry.",
            since=since,
            reason=in_words(self.env, error),
        )
        self._mailgun_fail(reason, "mail_smtp", NO_WAIT)

    def _mailgun_ask_first(self, policy):
        """Let a person decide about a mail that waited longer than it is worth.

        :param SendingPolicy policy: of the domain it leaves by
        :return: whether somebody has to be asked
        :rtype: bool
        """
        if self.mailgun_wait in MAIL_ASKS:
            # Whoever has put it back into the queue has decided nothing.
            reason = self.failure_reason or self._mailgun_wait_text()
            self._mailgun_fail(reason, "unknown", {})
            return True
        since, hours = self.mailgun_wait_since, policy.stale_hours
        if self.mailgun_wait not in ("wait", "setting") or not (since and hours):
            return False
        if fields.Datetime.now() - since < timedelta(hours=hours):
            return False
        reason = self.env._(
            "This mail had to wait since %(since)s and may be of no use any more. It "
            "waited because: %(reason)s An administrator decides in Emails: Send, or "
            "Discard.",
            since=self._mailgun_moment_text(since),
            reason=self.mailgun_wait_reason,
        )
        self._mailgun_fail(reason, "unknown", {"mailgun_wait": "stale"})
        return True

    def _mailgun_ask_whether_sent(self, deliveries):
        """Let a person decide about a mail that Mailgun may have taken, or not.

        :param deliveries: its ``mailgun.delivery`` records that are in doubt
        """
        reason = self.env._(
            "Sending was interrupted (%(when)s), and nobody can tell from here whether "
            "Mailgun took the mail for %(who)s: the key may not read Mailgun's record, "
            "or that does not reach back so far. Look for it in Mailgun's log (Sending "
            "> Logs). An administrator decides "
            "in Emails: Mark as Delivered, or Send Again, perhaps a second time.",
            when=self._mailgun_moment_text(deliveries[0].sending_at),
            who=", ".join(deliveries.mapped("recipient")),
        )
        values = {
            "mailgun_wait": "uncertain",
            "mailgun_domain_ref": deliveries.domain_id.id,
        }
        self._mailgun_fail(reason, "unknown", values)

    def _mailgun_break_off(self, run, error):
        """End a mail with which something went wrong on this server.

        :param SendingRun run: of the batch
        :param Exception error: whatever it was
        """
        if not self._mailgun_is_outgoing():
            return
        if isinstance(error, MemoryError):
            self._mailgun_wait_for(run, _NO_MEMORY)
            return
        reason = self.env._(
            "Something went wrong on this server while the email was sent "
            "(%(error)s). The log has the details. Retry sends it to whom Mailgun has "
            "not taken it for.",
            error=summary_of(error).strip(),
        )
        self._mailgun_fail(reason, "unknown", NO_WAIT)

    def _mailgun_stop_partly_sent(self):
        """Leave a mail to a person when nobody will know any more who has got it."""
        got = self.mailgun_delivery_ids.filtered(lambda row: row.state != "failed")
        reason = self.env._(
            "Mailgun has taken this email for %s, or may have, and the module Mailgun "
            "was uninstalled. Retry sends it to all its recipients.",
            ", ".join(sorted(set(got.mapped("recipient")))),
        )
        self._mailgun_fail(reason, "unknown", NO_WAIT)

    def _mailgun_fail(self, reason, failure_type, values):
        """Give a mail the state of failure, as core does; nothing more is tried."""
        self.write(
            {
                "state": "exception",
                "failure_reason": reason,
                "failure_type": failure_type,
                **values,
            }
        )
        self._postprocess_sent_message(
            success_pids=[],
            success_emails=[],
            failure_reason=reason,
            failure_type=failure_type,
        )

    # === HELPERS === #

    def _mailgun_due(self):
        """Return the domain of what the queue would take now (mail_mail.py)."""
        no_date = Domain("scheduled_date", "=", False)
        past = Domain("scheduled_date", "<=", fields.Datetime.now())
        return Domain("state", "=", "outgoing") & (no_date | past)

    def _mailgun_moment_text(self, moment):
        return f"{moment:%Y-%m-%d %H:%M} UTC" if moment else ""

    # === STORY: what a mail waits for, and what a person may decide about it === #

    # A number, since the row of a domain is written while mail is sent.
    mailgun_domain_ref = fields.Integer(
        "Mailgun Domain ID", readonly=True, copy=False, help="By which it was to leave."
    )
    mailgun_wait_text = fields.Text("Waits", compute="_compute_mailgun_wait_text")
    mailgun_delivery_ids = fields.One2many(
        "mailgun.delivery", string="Deliveries", compute="_compute_mailgun_delivery_ids"
    )

    @api.depends("mailgun_wait", "mailgun_wait_reason", "scheduled_date", "state")
    def _compute_mailgun_wait_text(self):
        for mail in self:
            waits = mail.mailgun_wait and mail.state in ("outgoing", "exception")
            mail.mailgun_wait_text = mail._mailgun_wait_text() if waits else False

    @api.depends("message_id", "state")
    def _compute_mailgun_delivery_ids(self):
        deliveries = self.env["mailgun.delivery"].search(
            [
                ("message_id", "in", self.mapped("message_id")),
                ("mail_id", "in", self.ids),
            ]
        )
        by_mail = deliveries.grouped("mail_id")
        for mail in self:
            mail.mailgun_delivery_ids = by_mail.get(mail.id)

    # === IN WORDS === #

    def _mailgun_wait_text(self):
        """Return what is waited for, since when and until when."""
        words = {
            "reason": self.mailgun_wait_reason or "",
            "since": self._mailgun_when(self.mailgun_wait_since),
            "next": self._mailgun_when(self.scheduled_date),
            "end": self._mailgun_when(self.mailgun_give_up_at),
            "count": self.mailgun_wait_count,
        }
        if self.mailgun_wait == "wait":
            return self.env._(
                "This email waits since %(since)s: %(reason)s It goes out by itself, "
                "the next attempt is on %(next)s. Attempts so far: %(count)s; given up "
                "on %(end)s.",
                **words,
            )
        if self.mailgun_wait == "setting":
            return self.env._(
                "This email waits since %(since)s for something to be repaired: "
                "%(reason)s It is tried again on %(next)s.",
                **words,
            )
        if self.mailgun_wait == "doubt":
            return self.env._(
                "Since %(since)s it is not known whether Mailgun has taken this "
                "email. Waiting for Mailgun's confirmation until %(next)s. If there is "
                "none by then, it is sent again, or an administrator is asked.",
                **words,
            )
        if self.mailgun_wait == "stale":
            return self.env._(
                "This email had to wait since %(since)s and may be of no use any more, "
                "so it does not go out without being asked for. It waited because: "
                "%(reason)s",
                **words,
            )
        # Uncertain: what was written then names the time and the recipients.
        return self.failure_reason or ""

    def _mailgun_when(self, moment):
        if not moment:
            return "?"
        return format_datetime(self.env, moment, dt_format="short")


def _naive(seconds):
    return datetime.fromtimestamp(seconds, timezone.utc).replace(
        tzinfo=None, microsecond=0
    )
