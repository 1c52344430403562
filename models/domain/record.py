"""Mailgun's record of what happened, as the domain's account lets it be read."""

import contextlib

from odoo import fields, models

from ...tools.api.record import Record
from ...tools.errors import SettingError
from .health import HealthLine


class MailgunDomain(models.Model):
    """Opens the record, and remembers by which of Mailgun's two ways."""

    _inherit = "mailgun.domain"

    record_source = fields.Selection(
        [("logs", "Logs"), ("events", "Events")],
        "Record Read By",
        readonly=True,
        copy=False,
        help="How Mailgun's record is read. Found out once, and again when that way is "
        "gone.",
    )

    @contextlib.contextmanager
    def _open_reader(self):
        """Give a client for reading what happened, or say why the key is none for it.

        :return: a ``MailgunClient``
        :raise MailgunError: see ``_open_client``, and what the client raises
        """
        try:
            with self._open_client() as client:
                yield client
        except SettingError as error:
            if error.status not in (401, 403):
                raise
            raise SettingError(
                self.env._(
                    "The key of %s may not read Mailgun's events and suppressions: it "
                    "is a sending key, or its role forbids it. Enter an API key with "
                    "the role Admin.",
                    self.name,
                ),
                error.status,
                error.detail,
            ) from error

    def _record(self, client, has_time=lambda: True):
        """Return the ``Record`` of this domain.

        :param MailgunClient client: see ``_open_reader``
        :param has_time: tells after each page whether there is time for another
        """
        source = self.record_source or ""
        return Record(client, self.name, source, self._note_source, has_time)

    def _note_source(self, source):
        """Note by which way the record is read, whatever becomes of the caller."""
        self._note(f"record by {source}", record_source=source)
        self.invalidate_recordset(["record_source"])

    def _health_of_account(self):
        return [*super()._health_of_account(), *self._health_of_record()]

    def _health_of_record(self):
        """Tell by which way it is read, once that is known."""
        words = {
            "logs": self.env._("Read by Mailgun's Logs."),
            "events": self.env._(
                "Read by Mailgun's Events, since this account has no Logs."
            ),
        }
        if not self.record_source:
            return []
        title = self.env._("Record")
        return [HealthLine("ok", title, words[self.record_source])]
