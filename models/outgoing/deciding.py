"""What a person decides about mail that waits, and what nobody decides by mistake."""

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Domain

from ...const import MAIL_ASKS
from ..domain.notification import RELOAD, notification
from .mail_mail import CONTINUES, NO_WAIT

_DECIDE = "mail_mailgun.mail_mail_action_decide"
_MAILINGS = "mailing.mailing"

#: Context key: mail that asks is not found.
WITHOUT_ASKING = "mailgun_without_asking"


class MailMail(models.Model):
    """Core's Retry leaves out what asks first; other buttons decide about that."""

    _inherit = "mail.mail"

    # === RETRY === #

    def mark_outgoing(self):
        """Put mail back into the queue, all but what asks a person first."""
        asking = self._mailgun_asking()
        result = super(MailMail, self - asking).mark_outgoing()
        return asking._mailgun_point_out() if asking else result

    def action_retry(self):
        result = super().action_retry()
        asking = self._mailgun_asking()
        return asking._mailgun_point_out() if asking else result

    def _mailgun_asking(self):
        return self.filtered(
            lambda mail: mail.state == "exception" and mail.mailgun_wait in MAIL_ASKS
        )

    def _mailgun_point_out(self):
        """Return a notification that leads to what was left out."""
        url = f"/odoo/action-{_DECIDE}"
        if len(self) == 1:
            url = f"{url}/{self.id}"
            text = self.env._("1 email needs a decision: %s.", "%s")
            label = self.env._("open it")
        else:
            text = self.env._(
                "%(count)s emails need a decision: %(link)s.",
                count=len(self),
                link="%s",
            )
            label = self.env._("open them")
        links = [{"label": label, "url": url}]
        return notification("warning", text, RELOAD, links=links, sticky=True)

    # === RETRY OF A MAILING === #
    # It deletes the mails that failed and writes them anew. Its module is no dependency
    # of ours, so its model cannot be inherited.

    def _register_hook(self):
        mailings = self.env.registry.get(_MAILINGS)
        if mailings is not None and "action_retry_failed" not in vars(mailings):
            retry = mailings.action_retry_failed

            def action_retry_failed(self):
                result = retry(self.with_context(**{WITHOUT_ASKING: True}))
                mails = self.env["mail.mail"]
                # Who writes newsletters may not read emails, and is told all the same.
                asking = mails.sudo().search(
                    Domain("mailing_id", "in", self.ids) & _ASKS
                )
                if not asking:
                    return result
                if mails.has_access("read"):
                    return asking.with_env(self.env)._mailgun_point_out()
                text = self.env._(
                    "Left out: %s emails, about which an administrator decides.",
                    len(asking),
                )
                return notification("warning", text, RELOAD, sticky=True)

            mailings.action_retry_failed = action_retry_failed
        return super()._register_hook()

    def _unregister_hook(self):
        mailings = self.env.registry.get(_MAILINGS)
        if mailings is not None and "action_retry_failed" in vars(mailings):
            del mailings.action_retry_failed
        return super()._unregister_hook()

    @api.model
    def _search(self, domain, *args, **kwargs):
        if self.env.context.get(WITHOUT_ASKING):
            domain = Domain(domain) & ~_ASKS
        return super()._search(domain, *args, **kwargs)

    # === WHAT A PERSON DECIDES === #

    def action_mailgun_send(self):
        """Send mail that waits, or waited for too long.

        By the queue, which may do what core's button may not: an administrator has no
        right to change a message that belongs to no document of his.
        """
        mails = self._mailgun_deciding("wait", "setting", "stale")
        mails.write({"state": "outgoing", "scheduled_date": False, **NO_WAIT})
        mails._mailgun_wake()
        return self._mailgun_done(mails, self.env._("sent within a minute"))

    def action_mailgun_send_again(self):
        """Send mail of which nobody knows, perhaps a second time."""
        mails = self._mailgun_deciding("uncertain")
        mails.write({"state": "outgoing", "scheduled_date": False, **NO_WAIT})
        mails._mailgun_wake()
        return self._mailgun_done(mails, self.env._("sent again within a minute"))

    def action_mailgun_arrived(self):
        """Take the word of a person that the doubtful copies did arrive.

        Core then goes through the mail once more as for any other: the ledger says
        that those have it, so they are left out, and the rest gets it.
        """
        mails = self._mailgun_deciding("uncertain")
        now = fields.Datetime.now()
        for mail in mails:
            doubtful = mail.mailgun_delivery_ids.filtered(
                lambda delivery, attempt=mail.mailgun_attempt or 1: (
                    delivery.state == "sending" and delivery.attempt == attempt
                )
            )
            doubtful.sudo().write(
                {"state": "accepted", "accepted_at": now, "doubt": False}
            )
        # Not the attempt of somebody who wants to send it once more.
        mails.with_context(**{CONTINUES: True}).write(
            {
                "state": "outgoing",
                "scheduled_date": False,
                "failure_type": False,
                "failure_reason": False,
                **NO_WAIT,
            }
        )
        mails._mailgun_wake()
        return self._mailgun_done(mails, self.env._("marked as delivered"))

    def action_mailgun_discard(self):
        """Send it no more; nobody is to be told of a failure any longer."""
        mails = self._mailgun_deciding(*MAIL_ASKS)
        mails.cancel()
        notifications = self.env["mail.notification"].sudo()
        notifications = notifications.search(
            [
                ("mail_mail_id", "in", mails.ids),
                ("notification_status", "in", ["ready", "exception", "bounce"]),
            ]
        )
        notifications.write({"notification_status": "canceled"})
        for message, some in notifications.grouped("mail_message_id").items():
            some._mailgun_push(message)
        return self._mailgun_done(mails, self.env._("discarded"))

    def _mailgun_deciding(self, *kinds):
        """Return those about which this is to be decided.

        :raise UserError: there is nothing to decide any more
        """
        asking = self._mailgun_asking()
        queued = self.filtered(
            lambda mail: mail.state == "outgoing" and mail.mailgun_wait not in MAIL_ASKS
        )
        found = (asking | queued).filtered(lambda mail: mail.mailgun_wait in kinds)
        if not found:
            raise UserError(
                self.env._(
                    "There is nothing to decide about this any more. Reload the page."
                )
            )
        return found

    def _mailgun_wake(self):
        """Have the queue send it right after this transaction.

        Not within: the ledger does not see what is not committed.
        """
        self.env.ref("mail.ir_cron_mail_scheduler_action").sudo()._trigger()

    def _mailgun_done(self, mails, what):
        """Return a notification that tells what was done with which of these.

        :param mails: those with which it was done
        :param str what: completes "3 emails: ..."
        """
        text = (
            self.env._("1 email: %s.", what)
            if len(mails) == 1
            else self.env._("%(count)s emails: %(what)s.", count=len(mails), what=what)
        )
        if skipped := len(self - mails):
            text += " " + self.env._(
                "%s skipped: they need no decision, or another one.", skipped
            )
        return notification("success", text, RELOAD)


_ASKS = Domain("state", "=", "exception") & Domain("mailgun_wait", "in", MAIL_ASKS)
