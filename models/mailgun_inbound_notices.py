from datetime import timedelta

from markupsafe import Markup

from odoo import api, fields, models

REPAIR = "mail_mailgun.mail_activity_type_repair"
# A broken setting fails every mail: more activities of one reason would tell nothing.
MAX_ACTIVITIES_PER_REASON = 1
MAX_DIGEST_LINES = 50


class MailgunInboundEmail(models.Model):
    """Who is told of mail that needs a person.

    A failed mail raises an activity, since somebody waits for an answer. Mail to
    addresses that do not exist is everyday noise and comes as a daily digest.
    """

    _name = "mailgun.inbound.email"
    _inherit = ["mailgun.inbound.email", "mail.thread", "mail.activity.mixin"]

    # === ACTIVITIES === #

    def _raise_activity(self):
        """Ask the domain's responsible user to look, once for each reason."""
        self.ensure_one()
        alike = self.search_count(
            [
                ("domain_id", "=", self.domain_id.id),
                ("state", "=", "failed"),
                ("error", "=", self.error),
                ("activity_ids", "!=", False),
            ],
            limit=MAX_ACTIVITIES_PER_REASON,
        )
        if alike >= MAX_ACTIVITIES_PER_REASON:
            return
        self.activity_schedule(
            REPAIR,
            summary=self.env._("A mail of %s could not be routed", self.sender or "?"),
            note=self.env._(
                "%(reason)s — repair the reason, then press Retry on this mail and on "
                "others that failed alike.",
                reason=self.error,
            ),
            user_id=(self.domain_id.user_id or self.env.ref("base.user_admin")).id,
        )

    def _close_activity(self):
        """Close the activity of a mail that has been routed after all."""
        if self.activity_ids:
            self.activity_feedback([REPAIR])

    # === DIGEST === #

    @api.model
    def _send_digest(self, domain):
        """Tell the responsible user of yesterday's mail to unknown addresses.

        :param domain: the ``mailgun.domain``
        """
        since = fields.Datetime.now() - timedelta(days=1)
        groups = self._read_group(
            [
                ("domain_id", "=", domain.id),
                ("state", "=", "unrouted"),
                ("create_date", ">=", since),
            ],
            ["recipient"],
            ["__count", "sender:array_agg_distinct"],
            order="__count desc, recipient",
            limit=MAX_DIGEST_LINES,
        )
        if not groups:
            return
        lines = [
            self.env._(
                "%(recipient)s: %(count)s mails, from %(senders)s",
                recipient=recipient,
                count=count,
                senders=", ".join(sorted(filter(None, senders))[:3]) or "?",
            )
            for recipient, count, senders in groups
        ]
        domain.message_post(
            subject=self.env._("Mail to addresses that do not exist: %s", domain.name),
            body=Markup("<p>%s</p><ul>%s</ul>")
            % (
                self.env._(
                    "No record and no alias takes mail for these addresses. Create an "
                    "alias where somebody should, then press Retry on the mails in "
                    "Mailgun Inbound Emails."
                ),
                Markup().join(Markup("<li>%s</li>") % line for line in lines),
            ),
            partner_ids=domain.user_id.partner_id.ids,
            subtype_xmlid="mail.mt_note",
        )
