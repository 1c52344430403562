from odoo import fields, models

from .health_line import HealthLine


class MailgunDomain(models.Model):
    """What is done with files that can harm."""

    _inherit = "mailgun.domain"

    attachment_policy = fields.Selection(
        [
            ("leave", "Leave them"),
            ("mark", "Mark them with a notice"),
            ("hold", "Hold them back until released"),
        ],
        "Dangerous Files",
        required=True,
        default="mark",
        help="Programs, scripts, documents with macros, and files that pretend to be "
        "something else. The mail itself always arrives at once.",
    )

    def _health_of_traffic(self):
        return [*super()._health_of_traffic(), *self._health_of_held_files()]

    def _health_of_held_files(self):
        """Return a line when files wait for an administrator."""
        count = self.env["mailgun.held.attachment"].search_count(
            [("inbound_email_id.domain_id", "=", self.id), ("state", "=", "waiting")]
        )
        if not count:
            return []
        return [
            HealthLine(
                "warning",
                self.env._("Held files"),
                self.env._("%s files were taken out of their mails.", count),
                self.env._(
                    "Open Mailgun Inbound Emails, filter by “Files held back”, and "
                    "release or discard them."
                ),
            )
        ]
