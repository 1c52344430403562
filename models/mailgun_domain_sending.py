import hashlib
from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import ValidationError
from odoo.fields import Domain
from odoo.tools import config

from ..const import (
    DEFAULT_LANES,
    DEFAULT_SETTLING_MINUTES,
    DEFAULT_STALE_HOURS,
)
from ..tools.send_options import Options
from .delivery_ledger import DeliveryLedger
from .ledger_connection import LedgerConnection

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
        "Sent at a Time",
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
        "When Nobody Knows",
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
        help="Somebody else sends by this domain, too. What becomes of that mail is "
        "forgotten within the hour.",
    )
    stale_hours = fields.Integer(
        "Worth Sending For",
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

    # === WHAT A SESSION IS MADE OF === #

    def _ledger(self, connection=None):
        """Return a ledger of mail that leaves by this domain.

        :param LedgerConnection connection: of another ledger; None opens one
        """
        return DeliveryLedger(
            connection or LedgerConnection(self.env.registry),
            self.id,
            self._reference_origin(),
        )

    @api.model
    def _reference_origin(self):
        """Return what tells mail of this database from that of any other."""
        identity = "/".join(map(str, self._database_identity()))
        return hashlib.sha256(identity.encode()).hexdigest()[:12]

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
