import sys

from odoo import models

from .failures import is_retryable
from .mail_thread import NOTES


class MailAlias(models.Model):
    """Keeps a passing failure between us and Mailgun instead of mailing the sender."""

    _inherit = "mail.alias"

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
