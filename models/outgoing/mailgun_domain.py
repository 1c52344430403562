from datetime import timedelta

from markupsafe import Markup

from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError
from odoo.fields import Domain
from odoo.tools import config

from ...const import (
    DEFAULT_LANES,
    DEFAULT_SETTLING_MINUTES,
    DEFAULT_STALE_HOURS,
    MAIL_WAITS,
)
from ...tools.api.send_options import Options
from ..domain.alarms import Trouble
from ..domain.health import LATE, HealthLine
from .ledger import DeliveryLedger, LedgerConnection
from .mailgun_delivery import OPEN_KIND, STILL_SENDING

TRACKING = [
    ("mailgun", "As set at Mailgun"),
    ("yes", "Yes"),
    ("no", "No"),
]

# Events that came within these days prove that the webhooks work.
EVENTS_PROVEN_DAYS = 7

# Each lane holds a connection of its own, the ledger has one for all of them, and web
# requests need some as well.
CONNECTIONS_PER_LANE = 5


class MailgunDomain(models.Model):
    """How mail leaves by a domain."""

    _inherit = "mailgun.domain"

    tracking_opens = fields.Selection(
        TRACKING,
        "Track Opens",
        required=True,
        default="mailgun",
        help="Mailgun adds an invisible picture. Never done for mail with passwords, "
        "invitations or access to the portal, nor for mailings, which Odoo tracks.",
    )
    tracking_clicks = fields.Selection(
        TRACKING,
        "Track Clicks",
        required=True,
        default="mailgun",
        help="Mailgun replaces the links. Never done for mail with passwords, "
        "invitations or access to the portal, nor for mailings, which Odoo tracks.",
    )
    require_tls = fields.Boolean(
        "Encrypted Only",
        help="Mailgun hands mail over by an encrypted connection or not at all.",
    )
    tag_documents = fields.Boolean(
        "Tags",
        default=True,
        help="Each mail carries the kind of its document, or its campaign, as tag at "
        "Mailgun.",
    )
    lane_count = fields.Integer(
        "Concurrent Sends",
        required=True,
        default=DEFAULT_LANES,
        help="How many mails of a batch are on their way to Mailgun at the same time. "
        "At the most a fifth of the server's database connections (db_maxconn).",
    )
    settling_minutes = fields.Integer(
        required=True,
        default=DEFAULT_SETTLING_MINUTES,
        help="When it is not known whether Mailgun took a mail, its record of events "
        "is asked. For how long it must not know the mail until it is sent again; "
        "Mailgun's record can be half an hour late.",
    )
    doubt_policy = fields.Selection(
        [
            ("ask", "Ask an administrator"),
            ("resend", "Send again, perhaps twice"),
        ],
        "If Delivery Is Unknown",
        required=True,
        default="ask",
        help="Whether Mailgun took a mail is not known when its answer is lost. An API "
        "key can find out; with a sending key only an event can tell.",
    )
    blacklist_unsubscribed = fields.Boolean(
        "Unsubscribed: No Newsletters",
        default=True,
        help="Who unsubscribes by Mailgun's link is put on Odoo's blacklist, which "
        "stops newsletters and nothing else.",
    )
    blacklist_complained = fields.Boolean(
        "Reported as Spam: No Newsletters",
        default=True,
        help="Who reports one of our mails as spam is put on Odoo's blacklist, which "
        "stops newsletters and nothing else.",
    )
    foreign_event_count = fields.Integer(
        "Events of Other Systems",
        readonly=True,
        copy=False,
        help="Somebody else sends by this domain, too, or the webhook is one of the "
        "whole account. What becomes of that mail is forgotten within the hour.",
    )
    stale_hours = fields.Integer(
        "Ask Before Sending After",
        required=True,
        default=DEFAULT_STALE_HOURS,
        help="Hours after which a mail that had to wait is not sent any more without "
        "asking. 0 = always send it.",
    )

    @api.constrains("lane_count", "settling_minutes", "stale_hours")
    def _check_sending_numbers(self):
        for domain in self:
            if domain.lane_count < 1:
                raise ValidationError(
                    self.env._("At least one mail has to be sent at a time.")
                )
            if domain.settling_minutes < 0 or domain.stale_hours < 0:
                raise ValidationError(
                    self.env._("A time to wait cannot be less than nothing.")
                )

    # === DELETING === #

    @api.ondelete(at_uninstall=False)
    def _unlink_unless_mail_is_partly_sent(self):
        """Keep the ledger as long as mail may be sent of which it knows who has it."""
        for domain in self:
            if mails := domain._partly_sent_mail():
                raise UserError(
                    self.env._(
                        "Some recipients have got emails of %(domain)s, or may have, "
                        "and others have not (%(count)s emails). Only this domain "
                        "knows which, so it cannot be deleted. Send or discard them "
                        "first (Emails), or archive the domain.",
                        domain=domain.name,
                        count=len(mails),
                    )
                )

    def _partly_sent_mail(self):
        """Return emails that are not done and that somebody may have got.

        :rtype: odoo.addons.mail.models.mail_mail.MailMail
        """
        self.env["mail.mail"].flush_model(["state"])
        self.env.cr.execute(
            """SELECT DISTINCT mail.id
                 FROM mail_mail AS mail
                 JOIN mail_message AS message ON message.id = mail.mail_message_id
                 JOIN mailgun_delivery AS delivery
                   ON delivery.message_id = message.message_id
                  AND delivery.mail_id = mail.id
                WHERE mail.state IN ('outgoing', 'exception')
                  AND delivery.domain_id = ANY(%s)
                  AND delivery.state <> 'failed'""",
            [self.ids],
        )
        ids = [mail_id for (mail_id,) in self.env.cr.fetchall()]
        return self.env["mail.mail"].sudo().browse(ids)

    # === WHAT A SESSION IS MADE OF === #

    def _ledger(self, connection=None):
        """Return a ledger of mail that leaves by this domain.

        :param LedgerConnection connection: of another ledger; None opens one
        """
        return DeliveryLedger(
            connection or LedgerConnection(self.env.registry),
            self.id,
            self.identity or "",
        )

    def _sending_options(self):
        """Return what is sent along with every mail.

        :rtype: Options
        """
        wanted = {
            "testmode": "yes" if self.test_mode else "",
            "require_tls": "yes" if self.require_tls else "",
            **{
                name: "" if self[name] == "mailgun" else self[name]
                for name in ("tracking_opens", "tracking_clicks")
            },
        }
        return Options().with_fields(
            **{name: value for name, value in wanted.items() if value}
        )

    def _lane_limit(self):
        return max(
            1, min(self.lane_count, config["db_maxconn"] // CONNECTIONS_PER_LANE)
        )

    def _has_events(self):
        """Tell whether events of this domain are known to arrive by themselves."""
        limit = fields.Datetime.now() - timedelta(days=EVENTS_PROVEN_DAYS)
        told = Domain("domain_id", "=", self.id) & Domain("polled", "=", False)
        return bool(
            self.env["mailgun.event"].search(
                told & Domain("occurred_at", ">", limit),
                order="occurred_at desc",
                limit=1,
            )
        )

    # === ALARM === #

    def _troubles(self):
        found = super()._troubles()
        if self.is_sending_barred:
            line, since = self._health_of_sending(), self.sending_trouble_at
            found.append(Trouble("sending", line.text, line.remedy, since=since))
        waiting = (
            self.env["mail.mail"]
            .sudo()
            .search(
                self._waiting_mail()
                & Domain("mailgun_wait", "in", ("wait", "setting")),
                order="mailgun_wait_since",
                limit=1,
            )
        )
        since = waiting.mailgun_wait_since
        if since and fields.Datetime.now() - since > LATE:
            line = self._health_of_wait(waiting.mailgun_wait, self.waiting_count, since)
            found.append(Trouble("waiting_out", line.text, line.remedy, since=since))
        return found

    # === HEALTH === #

    waiting_count = fields.Integer("Waiting Emails", compute="_compute_waiting_count")

    delivery_count = fields.Integer(
        "Deliveries of a Week", compute="_compute_delivery_count"
    )

    def _compute_delivery_count(self):
        week = Domain("sending_at", ">=", "-7d")
        groups = self.env["mailgun.delivery"]._read_group(
            week & Domain("domain_id", "in", self.ids), ["domain_id"], ["__count"]
        )
        counts = dict(groups)
        for domain in self:
            domain.delivery_count = counts.get(domain, 0)

    def _compute_waiting_count(self):
        emails = self.env["mail.mail"].sudo()
        for domain in self:
            waiting = domain._waiting_mail() if domain.id else Domain.FALSE
            domain.waiting_count = emails.search_count(waiting)

    def _health_of_traffic(self):
        return [
            *super()._health_of_traffic(),
            self._health_of_sending(),
            *self._health_of_outgoing(),
        ]

    def _health_of_sending(self):
        if self.sending_trouble:
            text = self.env._(
                "Mailgun did not take the last mail (%(when)s): %(why)s",
                when=self._when(self.sending_trouble_at),
                why=self.sending_trouble,
            )
            return HealthLine(
                "error",
                self.env._("Sending"),
                text,
                self.env._(
                    "Mail that waits goes by itself then. Press Retry on mail that has "
                    "failed."
                ),
            )
        if not self.mail_server_ids:
            return HealthLine(
                "warning",
                self.env._("Sending"),
                self.env._("No outgoing mail server uses this domain."),
                self.env._("Press Set Up Mail."),
            )
        if not self.last_sent_at:
            return HealthLine(
                "info",
                self.env._("Sending"),
                self.env._("None yet."),
                self.env._("Try a round trip."),
            )
        return HealthLine("ok", self.env._("Sending"), self._when(self.last_sent_at))

    def _health_of_outgoing(self):
        """Return a line for each kind of waiting; none when nothing waits."""
        waiting = self.env["mail.mail"].sudo()
        groups = waiting._read_group(
            self._waiting_mail(),
            ["mailgun_wait"],
            ["__count", "mailgun_wait_since:min"],
        )
        order = [wait for wait, _label in MAIL_WAITS]
        groups.sort(key=lambda group: order.index(group[0]))
        lines = [self._health_of_wait(*group) for group in groups]
        return [*lines, *self._health_of_doubt()]

    def action_go_on(self):
        """Send what waits for it; what is old asks first, by the age of the mail."""
        result = super().action_go_on()
        blocked = self._waiting_mail() & Domain("mailgun_wait", "=", "setting")
        for mail in self.env["mail.mail"].sudo().search(blocked):
            mail.write(
                {"mailgun_wait_since": mail.create_date, "scheduled_date": False}
            )
        self.env.ref("mail.ir_cron_mail_scheduler_action").sudo()._trigger()
        return result

    def _waiting_mail(self):
        """Return the domain of emails that have not left by this domain."""
        return (
            Domain("mailgun_wait", "!=", False)
            & Domain("mailgun_domain_ref", "=", self.id)
            & Domain("state", "in", ("outgoing", "exception"))
        )

    def _health_of_wait(self, wait, count, since):
        level, title, remedy = self._wait_words(wait)
        late = since and fields.Datetime.now() - since > LATE
        if level == "info" and late:
            level = "warning"
        text = self.env._(
            "Emails: %(count)s, the oldest since %(when)s.",
            count=count,
            when=self._when(since),
        )
        if wait in ("wait", "setting"):
            text = f"{text} {self._why_waiting(wait)}".strip()
        return HealthLine(level, title, text, remedy)

    def _why_waiting(self, wait):
        """Return why the email waits that does so longest, and until when."""
        same = self._waiting_mail() & Domain("mailgun_wait", "=", wait)
        waiting = self.env["mail.mail"].sudo()
        mail = waiting.search(same, order="mailgun_wait_since", limit=1)
        reason = mail.mailgun_wait_reason or ""
        if not mail.scheduled_date:
            return reason
        again = self._when(mail.scheduled_date)
        return f"{reason} {self.env._('Next attempt: %s.', again)}".strip()

    def _wait_words(self, wait):
        return {
            "wait": (
                "info",
                self.env._("Emails waiting"),
                self.env._(
                    "It goes out by itself. The reasons are in Emails, filter “Waits "
                    "for Mailgun”."
                ),
            ),
            "setting": (
                "warning",
                self.env._("Emails blocked"),
                self.env._(
                    "Once that is repaired it goes out by itself, or at once: Emails, "
                    "filter “Waits for a repair”, Send Now."
                ),
            ),
            "doubt": (
                "info",
                self.env._("Delivery being checked"),
                self.env._(
                    "Mailgun is being asked whether it took it. See Emails, filter "
                    "“Waits for Mailgun”."
                ),
            ),
            "stale": (
                "warning",
                self.env._("Waited too long"),
                self.env._(
                    "Decide: Emails, filter “Waits for your decision”, Send or Discard."
                ),
            ),
            "uncertain": (
                "warning",
                self.env._("Delivery unknown"),
                self.env._(
                    "Decide: Emails, filter “Waits for your decision”, Mark as "
                    "Delivered or Send Again."
                ),
            ),
        }[wait]

    def _health_of_doubt(self):
        """Tell of messages in doubt that no waiting email stands for."""
        limit = fields.Datetime.now() - STILL_SENDING
        count = self.env["mailgun.delivery"].search_count(
            [
                ("id", "in", self.env["mailgun.open.row"]._rows(OPEN_KIND)),
                ("state", "=", "sending"),
                ("sending_at", "<", limit),
                ("domain_id", "=", self.id),
                ("mail_id", "=", 0),
            ]
        )
        if not count:
            return []
        text = self.env._(
            "%s recipients of messages that were sent without an email.", count
        )
        remedy = self.env._("See Mailgun Deliveries, filter “Sending”.")
        return [HealthLine("info", self.env._("Messages in doubt"), text, remedy)]

    # === WHERE TO LOOK === #

    def action_open_deliveries(self):
        """Open what became of the mail of this domain, the last week first."""
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "mail_mailgun.mailgun_delivery_action"
        )
        action["domain"] = [("domain_id", "=", self.id)]
        action["context"] = {"search_default_last_week": 1}
        return action

    def action_open_waiting(self):
        """Open the emails that have not left by this domain."""
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "mail.action_view_mail_mail"
        )
        action["domain"] = list(self._waiting_mail())
        action["context"] = {"search_default_group_by_mailgun_wait": 1}
        action["help"] = Markup(
            "<p class='o_view_nocontent_smiling_face'>%s</p><p>%s</p>"
        ) % (
            self.env._("Nothing waits any more"),
            self.env._("What became of the emails is in Mailgun Deliveries."),
        )
        return action
