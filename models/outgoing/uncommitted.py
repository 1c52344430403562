"""Mail that only the caller's transaction has, and what its caller is told.

Whoever sends what is not committed acts on the outcome: is told by an exception, reads
the state, and often throws the mail away (Odoo's invitations and mailing tests do). To
such a caller "it waits" would be "sent" of a mail that is gone a moment later. So what
core makes of a failure stands until the commit; a mail that is still there then waits
as any other.
"""

import logging

import psycopg2

from odoo import models

from ..transactions.own_cursor import committed

# In the data of a cursor's postcommit, which a commit and a rollback clear: the ids.
_NEW = "mailgun_new_mails"

_logger = logging.getLogger(__name__)


class MailMail(models.Model):
    """Tells which mails are not committed yet, and has them wait once they are."""

    _inherit = "mail.mail"

    def _mailgun_note_new(self):
        """Note that these were made by this transaction."""
        self.env.cr.postcommit.data.setdefault(_NEW, set()).update(self.ids)

    def _mailgun_forget_new(self):
        """Note that these are committed at once, whatever becomes of them."""
        self.env.cr.postcommit.data.get(_NEW, set()).difference_update(self.ids)

    def _mailgun_is_new(self):
        """Tell whether the mail is there for this transaction only."""
        return self.id in self.env.cr.postcommit.data.get(_NEW, ())

    def _mailgun_wait_after_commit(self, run, error):
        """Let a mail that core shows as failed wait, if it is committed as such.

        A caller that is told by an exception acts on it, perhaps by taking back what
        the mail was about: then it stays as it is.

        :param SendingRun run: of the batch
        :param ApiError error: why it was not taken
        """
        if run.options["raise_exception"]:
            return
        mail_id, registry = self.id, self.env.registry
        lang = self.env.context.get("lang")

        def wait(env):
            mail = env["mail.mail"].with_context(lang=lang).browse(mail_id)
            there = mail.try_lock_for_update()
            if there.state == "exception":
                there._mailgun_wait_for(run, error)

        @self.env.cr.postcommit.add
        def begin():
            try:
                committed(registry, wait)
            except psycopg2.Error:
                # It is shown as failed, and Retry sends it.
                _logger.warning("Mail %s does not wait", mail_id, exc_info=True)
