import logging
import random
import time

from odoo import models
from odoo.exceptions import MissingError
from odoo.modules import module

from odoo.addons.base.models.ir_mail_server import MailDeliveryException

from ..const import LANES_FROM, RACES_PER_MAIL, TRANSACTION_SECONDS
from ..tools.errors import TransientError
from .advisory_lock import lock_for_sending
from .failures import is_lost_race
from .mail_in_hand import IN_HAND, MailInHand
from .outgoing_session import OutgoingSession
from .sending_lanes import SendingLanes
from .sending_run import SendingRun, deadline_of
from .server_stop import holding_up

_logger = logging.getLogger(__name__)


class MailMail(models.Model):
    """Sends mail by mail through core, and puts right what core cannot know.

    Core knows two outcomes: sent, or failed until somebody presses Retry. Here a mail
    may also have to wait, may have reached some of its recipients, or nobody may know.
    """

    _inherit = "mail.mail"

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

        deadline = deadline_of(self.env.context)
        domain_id = smtp_session.policy.domain_id
        run = SendingRun(through_core, options, deadline, domain_id)
        report = self._mailgun_report_to(post_send_callback)
        if auto_commit:
            with holding_up():
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
            mail._mailgun_send_and_commit(run, session)
            report(mail.ids)
            self._mailgun_commit()

    def _mailgun_send_together(self, run, session):
        """Send mails in one transaction, as long as that takes no more than a moment.

        Core commits after each mail, since nothing else knows that it went out. The
        ledger does, so a transaction may hold several: whatever is rolled back with it
        is not sent a second time. Reading and writing for all of them at once is what
        makes it worth while.
        """
        self._mailgun_prefetch()
        until = time.monotonic() + TRANSACTION_SECONDS
        try:
            with holding_up():
                for mail in self:
                    if run.is_over:
                        break
                    mail._mailgun_send(run, session)
                    if time.monotonic() >= until:
                        self._mailgun_commit()
                        until = time.monotonic() + TRANSACTION_SECONDS
                self._mailgun_commit()
        except Exception as error:
            self._mailgun_roll_back()
            if run.options["raise_exception"]:
                raise
            _logger.info("Mails are sent one by one after all: %s", error)
            for mail in self:
                mail._mailgun_send_and_commit(run, session)

    def _mailgun_send_and_commit(self, run, session):
        """Send one mail and commit, again when another transaction was first.

        What Mailgun has taken by then is not sent a second time: the ledger knows it.
        """
        self._mailgun_committing(self._mailgun_send, run, session)

    def _mailgun_committing(self, work, *arguments):
        """Do something and commit, again when another transaction was first."""
        for races_left in reversed(range(RACES_PER_MAIL)):
            try:
                work(*arguments)
                self._mailgun_commit()
                return
            except Exception as error:
                self._mailgun_roll_back()
                if not (races_left and is_lost_race(error)):
                    raise
                time.sleep(random.uniform(0.02, 0.2))

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

    def _mailgun_roll_back(self):
        self.env.cr.rollback()
        self.env.invalidate_all()

    def _mailgun_commit(self):
        """Commit, because the caller asked for it (``auto_commit``), as core does."""
        self.env.cr.commit()  # pylint: disable=invalid-commit

    # === ONE MAIL === #

    def _mailgun_send(self, run, session):
        """Let core send one mail, and write down how it really ended.

        :raise MailDeliveryException: the caller asked for it, and waiting is no help
        """
        self.ensure_one()
        if run.stopped_by or not self._mailgun_is_outgoing():
            return
        message = self.mail_message_id
        if not lock_for_sending(self.env.cr, self.id, self.message_id):
            # Another worker is at it.
            return
        if self._mailgun_ask_first(session.policy):
            return
        tags, fields = self._mailgun_options(session.policy)
        hand = MailInHand(
            mail_id=self.id,
            attempt=self.mailgun_attempt or 1,
            resend_all=self.mailgun_resend_all,
            has_waited=bool(self.mailgun_wait),
            res_model=self.model or "",
            tag=tags[0] if tags else "",
        )
        session.begin(hand, tags, fields)
        mail = self.with_context(**{IN_HAND: hand})
        try:
            with holding_up():
                run.send(mail, session)
        except MailDeliveryException:
            self._mailgun_conclude(run, session, message)
            if not isinstance(session.error, TransientError):
                raise
        else:
            self._mailgun_conclude(run, session, message)
