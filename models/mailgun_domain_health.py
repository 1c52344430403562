import logging

from markupsafe import Markup

from odoo import SUPERUSER_ID, api, fields, models

from ..tools.errors import ApiError, TransientError
from ..tools.management import Management
from .health_line import LEVELS

_logger = logging.getLogger(__name__)


class MailgunDomain(models.Model):
    """Does it work? Each line says what was found and what to do."""

    _name = "mailgun.domain"
    _inherit = ["mailgun.domain", "mail.thread", "mail.activity.mixin"]

    user_id = fields.Many2one(
        "res.users",
        "Responsible",
        default=lambda self: self._default_user_id(),
        help="Gets an activity when something needs to be done.",
    )
    health = fields.Html("Findings", compute="_compute_health", sanitize=False)
    health_level = fields.Selection(
        [
            ("ok", "Works"),
            ("info", "Works"),
            ("warning", "To look at"),
            ("error", "Needs repair"),
        ],
        "Health",
        compute="_compute_health",
    )

    def _default_user_id(self):
        """Return who sets the domain up; a script stands in for the administrator."""
        if self.env.user.id == SUPERUSER_ID:
            return self.env.ref("base.user_admin", raise_if_not_found=False)
        return self.env.user

    def _compute_health(self):
        render = self.env["ir.qweb"]._render
        for domain in self:
            lines = domain._health_lines() if domain.id else []
            domain.health_level = max(
                (line.level for line in lines), key=LEVELS.index, default=False
            )
            domain.health = render("mail_mailgun.health", {"lines": lines})

    def _health_lines(self):
        """Return what there is to say, in the order in which it is repaired.

        :rtype: list[HealthLine]
        """
        if self.state != "ready" or self.is_foreign:
            return [self._health_of_use()]
        return [*self._health_of_account(), *self._health_of_traffic()]

    # === DAILY CHECK === #

    @api.model
    def _check_daily(self):
        """Look at every domain; the cron's entry."""
        for domain in self.search([("state", "=", "ready")]):
            if not domain.is_foreign:
                domain._refresh_remote()
                domain._raise_or_close_activity()
                self.env["mailgun.inbound.email"]._send_digest(domain)

    def _refresh_remote(self):
        if self.key_kind != "api":
            return
        try:
            with self._open_client() as client:
                account = Management(client)
                self._store_remote(account.get_domain(self.name))
                if self.route_found and not self._our_routes(account):
                    self.route_trouble = self.env._("The route at Mailgun is gone.")
        except TransientError as error:
            # It passes by itself: nobody is called for it.
            _logger.info("Mailgun domain %s is not checked today: %s", self.name, error)
        except ApiError as error:
            self.check_trouble = str(error)

    def _raise_or_close_activity(self):
        """Have one open activity as long as something needs repair."""
        kind = "mail_mailgun.mail_activity_type_repair"
        self.invalidate_recordset()
        troubles = [line for line in self._health_lines() if line.level == "error"]
        if not troubles:
            self.activity_feedback([kind])
            return
        if not self.activity_search([kind]):
            lines = [f"{line.title}: {line.text} {line.remedy}" for line in troubles]
            self.activity_schedule(
                kind,
                summary=self.env._("Mail through %s needs repair", self.name),
                note=Markup("<br/>").join(lines),
                user_id=(self.user_id or self.env.user).id,
            )
