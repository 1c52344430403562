import contextlib
import logging
import time

import psycopg2

from odoo import fields, models

from ..tools.errors import MalformedPayload
from .own_cursor import own_cursor

_logger = logging.getLogger(__name__)

# A note is for a person who looks: one a minute is enough, however much arrives.
NOTE_SECONDS = 60


class MailgunDomain(models.Model):
    """What sending and receiving leave on the domain for its health to tell.

    Notes are written in a transaction of their own, now and then, and never wait for a
    lock: neither mail nor an unauthenticated request may be slowed down by them, or
    fail because of them.
    """

    _inherit = "mailgun.domain"

    last_sent_at = fields.Datetime("Last Mail Out", readonly=True, copy=False)
    sending_trouble = fields.Char(readonly=True, copy=False)
    sending_trouble_at = fields.Datetime(readonly=True, copy=False)
    refusal = fields.Char("Refused Post", readonly=True, copy=False)
    refusal_at = fields.Datetime("Refused Post On", readonly=True, copy=False)

    @contextlib.contextmanager
    def _noting_refusals(self):
        """Note on the domain why an authenticated post was not taken."""
        try:
            yield
        except MalformedPayload as error:
            self._note_refusal(error)
            raise

    def _note_refusal(self, error):
        """Note that a post was refused, with the reason.

        :param Exception error: its text is the reason
        """
        self._note("refusal", refusal=str(error), refusal_at=fields.Datetime.now())

    def _note_sending(self, error=None):
        """Note how an attempt to send ended.

        :param ApiError error: why not, or None
        """
        now = fields.Datetime.now()
        if error:
            trouble = {"sending_trouble": str(error), "sending_trouble_at": now}
            self._note("trouble", **trouble)
        else:
            self._note(
                "sent",
                last_sent_at=now,
                sending_trouble=None,
                sending_trouble_at=None,
            )

    def _note(self, kind, **values):
        if not self:
            return
        self.ensure_one()
        if not _is_due((self.env.cr.dbname, self.id, kind)):
            return
        try:
            with own_cursor(self.env.registry) as env:
                # A row of the ledger holds on to the domain's key, not to its notes.
                env.cr.execute(
                    """SELECT id FROM mailgun_domain WHERE id = %s
                          FOR NO KEY UPDATE SKIP LOCKED""",
                    [self.id],
                    log_exceptions=False,
                )
                if env.cr.fetchone():
                    env["mailgun.domain"].browse(self.id).write(values)
        except psycopg2.Error as error:
            _logger.info("Not noted on Mailgun domain %s: %s", self.id, error)


_last_noted: dict[tuple, float] = {}


def _is_due(key):
    now = time.monotonic()
    if now - _last_noted.get(key, -NOTE_SECONDS) < NOTE_SECONDS:
        return False
    _last_noted[key] = now
    return True
