import itertools
import logging
import re
import time

from odoo import api, fields, models
from odoo.exceptions import MissingError
from odoo.modules import module

from odoo.addons.base.models.ir_mail_server import MailDeliveryException

from ...const import (
    LANES_FROM,
    MAIL_ASKS,
    MAIL_WAITS,
    NOTES,
    RACES_PER_MAIL,
    TRANSACTION_SECONDS,
)
from ...tools.errors import RefusedMessage, TransientError
from ..transactions.failures import (
    is_lost_race,
    is_no_connection,
    retry_races,
)
from ..transactions.locks import lock_for_sending, lock_notifications, lock_rows
from ..transactions.server import holding_up
from . import mailing_traces
from .lanes import SendingLanes
from .outgoing_session import IN_HAND, MailInHand, OutgoingSession
from .queue import SendingRun

#: Context key: a mail goes back into the queue by itself, and not on purpose.
CONTINUES = "mailgun_attempt_continues"

#: Values of a mail that waits for nothing.
NO_WAIT = {
    "mailgun_wait": False,
    "mailgun_wait_reason": False,
    "mailgun_wait_since": False,
    "mailgun_wait_count": 0,
    "mailgun_give_up_at": False,
}

_logger = logging.getLogger(__name__)

# Links that are as good as a password. Mailgun would put its own in their place, and
# whoever reads its log could use them.
_SECRET_LINKS = re.compile(r"/web/(signup|reset_password)\b|[?&]signup_token=")

_TRACKING = ("tracking", "tracking_opens", "tracking_clicks")

# Mail about these holds passwords, codes or access to the portal.
_SECRET_MODELS = ("res.users", "portal.wizard.user", "portal.share")


class MailMail(models.Model):
    """What a mail that leaves by Mailgun remembers between its attempts."""

    _inherit = "mail.mail"

    mailgun_attempt = fields.Integer(default=1, readonly=True, copy=False)
    mailgun_resend_all = fields.Boolean(readonly=True, copy=False)
    mailgun_wait = fields.Selection(MAIL_WAITS, "Waiting", readonly=True, copy=False)
    mailgun_wait_reason = fields.Text("Waits Because", readonly=True, copy=False)
    mailgun_wait_since = fields.Datetime("Waits Since", readonly=True, copy=False)
    mailgun_wait_count = fields.Integer("Attempts", readonly=True, copy=False)
    mailgun_give_up_at = fields.Datetime("Given Up After", readonly=True, copy=False)

    _mailgun_waiting = models.Index("(mailgun_wait) WHERE mailgun_wait IS NOT NULL")

    @api.model_create_multi
    def create(self, vals_list):
        mails = super().create(vals_list)
        mails._mailgun_note_new()
        return mails

    def write(self, vals):
        """Open a new attempt when somebody puts a mail back, and end waiting with it.

        After it was sent, or cancelled, everybody gets it again; after it failed, only
        those who did not get it. What asks a person keeps asking, whoever else does so.
        """
        state, context = vals.get("state"), self.env.context
        if not state or context.get(CONTINUES) or context.get(IN_HAND):
            return super().write(vals)
        if state != "outgoing":
            over = self._mailgun_waiting_in_vain(vals)
            if over:
                super(MailMail, over).write({**vals, **NO_WAIT})
            return super(MailMail, self - over).write(vals) if self - over else True
        ended = self.filtered(lambda mail: mail.state in ("sent", "cancel"))
        failed = self.filtered(lambda mail: mail.state == "exception")
        if "mailgun_wait" not in vals:
            failed -= self._mailgun_asking()
        for mails, everybody in ((ended, True), (failed, False)):
            for attempt, same in mails.grouped("mailgun_attempt").items():
                again = {
                    "mailgun_attempt": (attempt or 1) + 1,
                    "mailgun_resend_all": everybody,
                    **NO_WAIT,
                }
                super(MailMail, same).write({**vals, **again})
        others = self - ended - failed
        return super(MailMail, others).write(vals) if others else True

    def _mailgun_waiting_in_vain(self, vals):
        """Return those that wait for nothing any more when they are written.

        :param dict vals: with another state than "outgoing"
        """
        if "mailgun_wait" in vals:
            return self.browse()
        keeps_asking = MAIL_ASKS if vals["state"] == "exception" else ()
        return self.filtered(
            lambda mail: mail.mailgun_wait and mail.mailgun_wait not in keeps_asking
        )

    def send(self, auto_commit=False, raise_exception=False, post_send_callback=None):
        """Wait for the commit when core writes this mail while it routes one of ours.

        Core's gateway answers some mails from within the transaction that routes them.
        If that is rolled back and tried again, the answer would go out twice.
        """
        if self.env.context.get(NOTES):
            self.send_after_commit()
            return True
        return super().send(
            auto_commit=auto_commit,
            raise_exception=raise_exception,
            post_send_callback=post_send_callback,
        )

    def send_after_commit(self):
        # The context travels along, and by then the routing is over.
        mails = self.with_context(**{NOTES: None})
        return super(MailMail, mails).send_after_commit()

    def _prepare_outgoing_list(self, mail_server=False, doc_to_followers=None):
        """Note whose copy goes to which address; later there is only the address."""
        emails = super()._prepare_outgoing_list(
            mail_server=mail_server, doc_to_followers=doc_to_followers
        )
        if hand := self.env.context.get(IN_HAND):
            hand.note_copies(emails)
        return emails

    def _split_by_mail_configuration(self):
        """Leave the mails of a server that was removed meanwhile to the next run."""
        servers = self.env["ir.mail_server"].sudo()
        for server_id, *how in super()._split_by_mail_configuration():
            if not server_id or _is_there(servers.browse(server_id)):
                yield server_id, *how

    # === SENDING mail by mail through core === #
    # Core knows two outcomes: sent, or failed until somebody presses Retry. Here a mail
    # may also have to wait, may have reached some recipients, or nobody may know.

    def _send(
        self,
        auto_commit=False,
        raise_exception=False,
        smtp_session=None,
        alias_domain_id=False,
        mail_server=False,
        post_send_callback=None,
    ):
        options = {
            "alias_domain_id": alias_domain_id,
            "mail_server": mail_server,
            "raise_exception": raise_exception,
        }
        is_ours = isinstance(smtp_session, OutgoingSession)
        if not is_ours or self.env["ir.mail_server"]._disable_send():
            return super()._send(
                auto_commit=auto_commit,
                smtp_session=smtp_session,
                post_send_callback=post_send_callback,
                **options,
            )

        def through_core(mail, session, **options):
            return super()._send(smtp_session=session, **options)

        policy, budget = smtp_session.policy, self._mailgun_budget()
        run = SendingRun(through_core, options, policy, budget)
        report = self._mailgun_report_to(post_send_callback)
        with holding_up():
            if auto_commit:
                self._mailgun_forget_new()
                self._mailgun_send_committing(run, smtp_session, report)
                # What lanes have written is seen by a new transaction only.
                self._mailgun_commit()
                self._mailgun_committing(self._mailgun_put_rest_back, run)
                return True
            for mail in self:
                mail._mailgun_send(run, smtp_session)
            report(self.ids)
            self._mailgun_put_rest_back(run)
        return True

    # === ONE AFTER THE OTHER, OR SIDE BY SIDE === #

    def _mailgun_send_committing(self, run, session, report):
        """Send and commit, side by side where there is more than a handful.

        :param SendingRun run: of the batch
        :param OutgoingSession session: that core has opened
        :param report: called with the ids of mails that were dealt with
        """
        # Odoo counts what goes through a server of one person, mail by mail.
        personal = run.options["mail_server"] and (
            run.options["mail_server"].owner_user_id
        )
        if len(self) >= LANES_FROM and not personal and not module.current_test:
            SendingLanes(self, run, session).send(report)
            return
        for mail in self:
            if run.is_over:
                break
            report(mail._mailgun_send_and_commit(run, session))
            self._mailgun_commit()

    def _mailgun_send_together(self, run, session):
        """Send mails in one transaction, as long as that takes no more than a moment.

        Core commits after each mail, since nothing else knows that it went out. The
        ledger does, so a transaction may hold several: whatever is rolled back with it
        is not sent a second time. Reading and writing for all of them at once is what
        makes it worth while.

        :return: the ids of those that were dealt with
        """
        until, done = time.monotonic() + TRANSACTION_SECONDS, []
        try:
            run.begin(self.env, session)
            self._mailgun_prefetch()
            for mail in self:
                if run.is_over:
                    break
                if mail._mailgun_send(run, session):
                    done.append(mail.id)
                if time.monotonic() >= until:
                    self._mailgun_commit()
                    run.begin(self.env, session)
                    until = time.monotonic() + TRANSACTION_SECONDS
            self._mailgun_commit()
        except Exception as error:
            self._mailgun_roll_back()
            if run.options["raise_exception"]:
                raise
            _logger.info("Mails are sent one by one after all: %s", error)
            one_by_one = (mail._mailgun_send_and_commit(run, session) for mail in self)
            done = list(itertools.chain.from_iterable(one_by_one))
        return done

    def _mailgun_send_and_commit(self, run, session):
        """Send one mail and commit, again when another transaction was first.

        What Mailgun has taken by then is not sent a second time: the ledger knows it.
        Whatever else is raised ends this mail and no other one.

        :return: its id in a list, or an empty one if it is left to others
        :raise Exception: there is no connection to the database, or the caller asked
        """
        try:
            is_done = self._mailgun_committing(self._mailgun_send_anew, run, session)
        except Exception as error:
            if run.options["raise_exception"] or is_no_connection(error):
                raise
            if is_lost_race(error):
                _logger.info("Mail %s is left to another run: %s", self.id, error)
                return []
            _logger.warning("Mail %s ends with an error", self.id, exc_info=True)
            self._mailgun_committing(self._mailgun_break_off, run, error)
            is_done = True
        return self.ids if is_done else []

    def _mailgun_send_anew(self, run, session):
        """Send one mail as the first of a transaction."""
        run.begin(self.env, session)
        return self._mailgun_send(run, session)

    def _mailgun_committing(self, work, *arguments):
        """Do something and commit, again when another transaction was first.

        :return: what ``work`` returned
        """

        def attempt(_left):
            try:
                found = work(*arguments)
                self._mailgun_commit()
            except Exception:
                self._mailgun_roll_back()
                raise
            return found

        return retry_races(RACES_PER_MAIL, attempt)

    def _mailgun_is_outgoing(self):
        """Tell whether a mail is still to be sent: another worker may have done it."""
        try:
            return self.state == "outgoing"
        except MissingError:
            # Sent, and deleted since it had to be kept no longer.
            return False

    def _mailgun_prefetch(self):
        """Read at once what core reads of each mail."""
        there = self.exists()
        there.recipient_ids.mapped("email")
        there.mapped("attachment_ids")

    def _mailgun_weights(self):
        """Return the bytes of each mail's files, by its id."""
        return {
            mail.id: sum(mail.attachment_ids.mapped("file_size"))
            for mail in self.sudo().exists()
        }

    def _mailgun_roll_back(self):
        self.env.cr.rollback()
        self.env.invalidate_all()

    def _mailgun_commit(self):
        """Commit, because the caller asked for it (``auto_commit``), as core does."""
        self.env.cr.commit()  # pylint: disable=invalid-commit

    # === ONE MAIL === #

    def _mailgun_send(self, run, session):
        """Let core send one mail, and write down how it really ended.

        :raise MailDeliveryException: the caller asked for it, and waiting is no help,
            or it is for the caller to say whether there is a mail at all
        :return: whether it is dealt with; else another worker is at it
        :rtype: bool
        """
        self.ensure_one()
        if run.stopped_by or not self._mailgun_is_outgoing():
            return True
        message = self.mail_message_id
        if not self.message_id:
            self.message_id = session.message_id_of(self.id)
        if not lock_for_sending(self.env.cr, self.id, self.message_id):
            return False
        # Another one may have sent it since this transaction began, or told how an
        # attempt before has ended: core writes both.
        lock_rows(self)
        if self.is_notification:
            lock_notifications(self)
        if self._mailgun_ask_first(session.policy):
            return True
        tags, fields = self._mailgun_options(session.policy)
        hand = MailInHand(
            mail_id=self.id,
            message_id=self.message_id,
            message_ref=message.id,
            attempt=self.mailgun_attempt or 1,
            resend_all=self.mailgun_resend_all,
            has_waited=bool(self.mailgun_wait),
            is_notification=self.is_notification,
            is_mailing=self._mailgun_is_mailing(),
            res_model=self.model or "",
            tag=tags[0] if tags else "",
        )
        session.begin(hand, tags, fields)
        mail = self.with_context(**{IN_HAND: hand})
        try:
            run.send(mail, session)
        except MailDeliveryException:
            self._mailgun_conclude(run, session, message)
            if self._mailgun_is_new() or not isinstance(session.error, TransientError):
                raise
        else:
            self._mailgun_conclude(run, session, message)
        return True

    # === OUTCOME: what core wrote is put right, once it is known how a mail ended === #

    def _mailgun_conclude(self, run, session, message):
        """Write down how an attempt ended, in the transaction of core's.

        :param SendingRun run: of the batch
        :param OutgoingSession session: that the mail was sent by
        :param message: its ``mail.message``
        """
        error, hand = session.error, session.ledger.hand
        run.note(error)
        if error and not isinstance(error, RefusedMessage):
            if self._mailgun_is_new():
                self._mailgun_wait_after_commit(run, error)
            else:
                self._mailgun_wait_for(run, error)
        elif error or hand.has_waited:
            self.exists()._mailgun_forget_waiting(error)
        copies = [(*copy, *outcome) for copy, outcome in hand.outcomes.items()]
        if error:
            # Of those, too, to whom this attempt did not come.
            copies = session.ledger.read()
        if copies:
            self._mailgun_follow(message, hand, copies, session.policy.has_events)

    def _mailgun_wait_for(self, run, error):
        """Put a mail back, or give it up, and show what became of it.

        :param SendingRun run: of the batch
        :param ApiError error: why it was not taken
        """
        self._mailgun_put_back(run, error)
        if self.state == "outgoing":
            self._mailgun_show_waiting(self.mail_message_id)

    def _mailgun_show_waiting(self, message):
        """Show everybody as queued; who has got the mail is put right afterwards."""
        failed = self.env["mail.notification"].sudo()
        failed = failed.search(
            [
                ("mail_mail_id", "=", self.id),
                ("notification_type", "=", "email"),
                ("notification_status", "=", "exception"),
            ]
        )
        failed._mailgun_wait()
        failed._mailgun_push(message)
        mailing_traces.wait(self.env, self.id)

    def _mailgun_follow(self, message, hand, copies, has_events):
        """Let notifications and mailing statistics say what the deliveries say.

        Core has just written "sent" for whom an event may have told otherwise. As core
        does, a browser is told of what it does not expect, and not that a mail is on
        its way as it should be.
        """
        if hand.is_notification:
            addresses = [copy[:2] for copy in copies]
            notifications = self.env["mail.notification"]._mailgun_of(
                message, addresses
            )
            changed = notifications._mailgun_follow(copies, has_events)
            states = set(notifications.mapped("notification_status"))
            if hand.was_told_of or states != {"pending"}:
                changed._mailgun_push(message)
        if hand.is_mailing:
            traces = mailing_traces.traces_of(self.env, [hand.mail_id])
            _partner_id, _address, state, reason, _kind = copies[0]
            mailing_traces.follow(traces, state, reason, has_events)

    # === OPTIONS: what Mailgun is asked to do, besides delivering === #

    def _mailgun_options(self, policy):
        """Return tags and options of this mail.

        :param SendingPolicy policy: of the domain it leaves by
        :rtype: tuple[list[str], dict]
        """
        tags = self._mailgun_tags() if policy.with_tags else []
        if self._mailgun_is_secret():
            return tags, dict.fromkeys(_TRACKING, "no")
        if not self._mailgun_is_mailing():
            return tags, {}
        # Odoo counts opens and clicks of mailings itself; not both without asking.
        left_to_odoo = {
            f"tracking_{kind}": "no"
            for kind, wanted in policy.tracking.items()
            if wanted != "yes"
        }
        return tags, left_to_odoo

    def _mailgun_tags(self):
        if self._mailgun_is_mailing() and self.mailing_id.campaign_id:
            return [self.mailing_id.campaign_id.name]
        return [self.model] if self.model else []

    def _mailgun_is_mailing(self):
        return "mailing_id" in self._fields and bool(self.mailing_id)

    def _mailgun_is_secret(self):
        return self.model in _SECRET_MODELS or bool(
            _SECRET_LINKS.search(self.body_html or "")
        )


def _is_there(server):
    """Tell whether a server of ours is still there; of others core has read enough."""
    try:
        return server.smtp_authentication != "mailgun" or bool(server.exists())
    except MissingError:
        return False
