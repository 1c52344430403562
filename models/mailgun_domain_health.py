import logging

from markupsafe import Markup

from odoo import SUPERUSER_ID, api, fields, models

from ..tools.errors import ApiError, TransientError
from ..tools.management import Management
from .health_line import LEVELS
from .short_transaction import committed

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
                domain._check_alone()

    def _check_alone(self):
        """Ask Mailgun, then write what it says in a transaction of its own.

        Whoever sends meanwhile notes that in the same row: a transaction that is as old
        as the question would be turned down.
        """
        info, troubles = self._ask_remote()

        def write(env):
            domain = self.with_env(env)
            if info:
                domain._store_remote(info)
            domain.write(troubles)
            domain._raise_or_close_activity()
            env["mailgun.inbound.email"]._send_digest(domain)

        committed(self.env.registry, write)

    def _ask_remote(self):
        """Return what Mailgun tells of the domain, and what is wrong.

        :return: ``DomainInfo`` or None, and values to write
        """
        if self.key_kind != "api":
            return None, {}
        try:
            with self._open_client() as client:
                account = Management(client)
                info = account.get_domain(self.name)
                if self.route_found and not self._our_routes(account):
                    gone = self.env._("The route at Mailgun is gone.")
                    return info, {"route_trouble": gone}
                return info, {}
        except TransientError as error:
            # It passes by itself: nobody is called for it.
            _logger.info("Mailgun domain %s is not checked today: %s", self.name, error)
            return None, {}
        except ApiError as error:
            return None, {"check_trouble": str(error)}

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
