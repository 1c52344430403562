import logging
from datetime import datetime, timedelta, timezone

from odoo import api, fields, models
from odoo.exceptions import ValidationError

from ...tools.errors import MailgunError
from ..domain import keys as secret_keys
from ..domain.notification import CLOSE, notification
from ..transactions.budget import Budget
from ..transactions.words import in_words
from .recovery import InboundRecovery

_logger = logging.getLogger(__name__)

# How far back the first look goes; Mailgun's smallest plan keeps events for a day.
FIRST_LOOK = timedelta(days=1)

# Seconds in which the record is read; the rest is for the next time.
_PATIENCE = 45


class FetchmailServer(models.Model):
    """An incoming server whose mail is posted; "fetching" is asking for missed mail.

    Its options (fallback model, attachments, original) hold for posted mail too, in
    whatever state the server is.
    """

    _inherit = "fetchmail.server"

    server_type = fields.Selection(
        selection_add=[("mailgun", "Mailgun")], ondelete={"mailgun": "set default"}
    )
    mailgun_domain_id = fields.Many2one(
        "mailgun.domain", ondelete="restrict", index="btree_not_null"
    )
    # Up to when Mailgun's events were looked through.
    mailgun_cursor = fields.Datetime(readonly=True, copy=False)

    def _mailgun(self):
        return self.filtered(lambda server: server.server_type == "mailgun")

    # === COMPUTE, CONSTRAINT AND ONCHANGE METHODS === #

    def _compute_server_type_info(self):
        ours = self._mailgun()
        ours.server_type_info = self.env._(
            "Mailgun posts each mail to Odoo when it arrives. “Fetch Now” asks for "
            "mail that was missed, say during a downtime."
        )
        return super(FetchmailServer, self - ours)._compute_server_type_info()

    @api.constrains("server_type", "mailgun_domain_id")
    def _check_mailgun_domain(self):
        for server in self._mailgun():
            if not server.mailgun_domain_id:
                raise ValidationError(
                    self.env._(
                        "Choose the Mailgun domain that “%s” receives for.", server.name
                    )
                )

    # === ACTIONS === #

    def button_confirm_login(self):
        ours = self._mailgun()
        for server in ours:
            with secret_keys.as_user_error(self.env):
                InboundRecovery(server.mailgun_domain_id).check()
            server.state = "done"
        return super(FetchmailServer, self - ours).button_confirm_login()

    def fetch_mail(self):
        if not self._mailgun():
            return super().fetch_mail()
        self.ensure_one().check_access("write")
        with secret_keys.as_user_error(self.env):
            report = self.sudo()._mailgun_recover()
        kind = "success" if report.is_complete else "warning"
        text = report.describe(self.env)
        return notification(kind, text, CLOSE, sticky=not report.is_complete)

    # === FETCHING === #

    def _fetch_mail(self, batch_limit=50):
        ours = self._mailgun()
        error = None
        for server in ours:
            error = server._mailgun_poll() or error
        if others := self - ours:
            error = super(FetchmailServer, others)._fetch_mail(batch_limit) or error
        return error

    def _mailgun_poll(self):
        """Recover missed mail for the cron; return the error, if any, as core does."""
        if not self.try_lock_for_update(allow_referencing=True):
            return None
        try:
            report = self._mailgun_recover()
        except MailgunError as error:
            _logger.info("Missed mail for %s: %s", self.mailgun_domain_id.name, error)
            self.error_date = self.error_date or fields.Datetime.now()
            self.error_message = in_words(self.env, error)
            return error
        if report.recovered or not report.is_complete:
            _logger.warning("Missed mail: %s", report.describe(self.env))
        return None

    def _mailgun_recover(self):
        """Take what Mailgun has and the journal has not.

        :return: the ``RecoveryReport``
        :raise MailgunError: Mailgun cannot be asked now
        """
        now = datetime.now(timezone.utc)
        cursor = self.mailgun_cursor
        cursor = cursor.replace(tzinfo=timezone.utc) if cursor else now - FIRST_LOOK
        budget = Budget(_PATIENCE)
        report = InboundRecovery(self.mailgun_domain_id).run(
            cursor.timestamp(), now.timestamp(), lambda: not budget.is_over
        )
        cursor = datetime.fromtimestamp(report.cursor, timezone.utc)
        self.write(
            {
                "date": fields.Datetime.now(),
                "mailgun_cursor": cursor.replace(tzinfo=None, microsecond=0),
                "error_date": False,
                "error_message": False,
            }
        )
        return report

    # === OPTIONS FOR POSTED MAIL === #

    @api.model
    def _mailgun_server(self, domain):
        """Return the incoming server of a ``mailgun.domain``, perhaps none."""
        servers = self.with_context(active_test=False)
        return servers.search([("mailgun_domain_id", "=", domain.id)], limit=1)

    def _mailgun_options(self):
        """Return what ``message_process`` shall do with the mail itself."""
        return {
            "save_original": self.original,
            "strip_attachments": bool(self) and not self.attach,
        }
