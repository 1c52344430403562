from datetime import timedelta

from odoo import api, fields, models
from odoo.fields import Domain
from odoo.tools import format_datetime

from ...const import DELIVERY_RANK, DELIVERY_STATES

#: Columns that hold when something happened, by what happened.
TIMES = {state: f"{state}_at" for state, _label in DELIVERY_STATES} | {
    "machine_opened": "machine_opened_at"
}

#: Of ``mailgun.open.row``: it may be in doubt whether Mailgun has taken these.
OPEN_KIND = "sending"

# A request to Mailgun has come to its end by then, whichever.
STILL_SENDING = timedelta(minutes=2)

# How bad a state is, in the words of ``health_line.LEVELS``.
_LEVELS = {
    "sending": "info",
    "accepted": "info",
    "deferred": "warning",
    "delivered": "ok",
    "opened": "ok",
    "clicked": "ok",
    "unsubscribed": "warning",
    "suppressed": "error",
    "failed": "error",
    "bounced": "error",
    "complained": "error",
}


class MailgunDelivery(models.Model):
    """One recipient's copy of a mail that was handed to Mailgun, and what became of it.

    The rows are the ledger of what was sent (see ``delivery_ledger.py``): written in
    transactions of their own while core's is open. So they point to nothing that core
    writes meanwhile: a foreign key to a mail that is not committed yet cannot be
    satisfied, and one to a mail that core deletes after sending would make core's
    transaction fail. Numbers and the Message-Id are what ties them together.
    """

    _name = "mailgun.delivery"
    _description = "Mailgun Delivery"
    _order = "sending_at desc, id desc"
    _rec_name = "recipient"
    _log_access = False

    domain_id = fields.Many2one(
        "mailgun.domain", required=True, readonly=True, ondelete="cascade"
    )
    # Its index is the beginning of ``_copy_unique``.
    message_id = fields.Char("Message-Id", required=True, readonly=True)
    mailgun_id = fields.Char(
        "Message-Id at Mailgun",
        readonly=True,
        index="btree_not_null",
        help="Only when Mailgun has given it another one than Odoo.",
    )
    mail_id = fields.Integer("Email", required=True, readonly=True, default=0)
    # Not by the Message-Id, which whoever may write messages may give to one of his.
    message_ref = fields.Integer("Message ID", readonly=True)
    mail_message_id = fields.Many2one(
        "mail.message",
        "Message",
        compute="_compute_mail_message_id",
        search="_search_mail_message_id",
    )
    partner_ref = fields.Integer(
        "Contact ID",
        required=True,
        readonly=True,
        default=0,
        help="Tells apart the copies of contacts who share an address.",
    )
    partner_id = fields.Many2one(
        "res.partner", "Contact", compute="_compute_partner_id"
    )
    recipient = fields.Char(required=True, readonly=True, index=True)
    recipient_domain = fields.Char("Recipient's Domain", readonly=True)
    attempt = fields.Integer(
        required=True,
        readonly=True,
        default=1,
        help="Counts how often somebody sent the mail on purpose.",
    )
    reference = fields.Char(readonly=True, index="btree_not_null")
    res_model = fields.Char("Document Model", readonly=True)
    tag = fields.Char(readonly=True)
    state = fields.Selection(
        DELIVERY_STATES, "Status", required=True, readonly=True, default="sending"
    )
    reason = fields.Text(readonly=True)
    reason_kind = fields.Char("Kind of Reason", readonly=True)
    sending_at = fields.Datetime("Handed Over", required=True, readonly=True)
    accepted_at = fields.Datetime("Accepted", readonly=True)
    deferred_at = fields.Datetime("Delayed", readonly=True)
    delivered_at = fields.Datetime("Delivered", readonly=True)
    opened_at = fields.Datetime("Opened", readonly=True)
    machine_opened_at = fields.Datetime(
        "Opened by a Program",
        readonly=True,
        help="A mail provider or a filter looked at it; a person may never have.",
    )
    clicked_at = fields.Datetime("Clicked", readonly=True)
    unsubscribed_at = fields.Datetime("Unsubscribed", readonly=True)
    suppressed_at = fields.Datetime("Suppressed", readonly=True)
    failed_at = fields.Datetime("Failed", readonly=True)
    bounced_at = fields.Datetime("Bounced", readonly=True)
    complained_at = fields.Datetime("Reported as Spam", readonly=True)
    open_count = fields.Integer("Opens", readonly=True, default=0)
    click_count = fields.Integer("Clicks", readonly=True, default=0)
    bounce_counted = fields.Boolean(readonly=True, default=False)
    doubt = fields.Selection(
        [("lost", "The answer was lost"), ("failure", "Mailgun had trouble")],
        readonly=True,
    )
    # Since when Mailgun's events were asked in vain.
    asked_since = fields.Datetime(readonly=True)

    _copy_unique = models.Constraint(
        "UNIQUE(message_id, mail_id, partner_ref, recipient, attempt)",
        "Each copy is written down once for each attempt.",
    )
    _by_age = models.Index("(sending_at)")
    # Also the index on the domain.
    _by_domain_and_age = models.Index("(domain_id, sending_at)")

    def init(self):
        # A delivery changes three or four times within minutes. With room left on its
        # page for that, and no index on what changes, it stays there (HOT).
        self.env.cr.execute(
            """ALTER TABLE mailgun_delivery
                 SET (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.05,
                      autovacuum_analyze_scale_factor = 0.05)"""
        )

    @api.model_create_multi
    def create(self, vals_list):
        rows = super().create(vals_list)
        for row in rows.filtered(lambda row: row.state == "sending"):
            self.env["mailgun.open.row"]._open(OPEN_KIND, row.ids, row.sending_at)
        return rows

    # === COMPUTE METHODS === #

    @api.depends("message_ref")
    def _compute_mail_message_id(self):
        messages = self.env["mail.message"].sudo()
        known = set(messages.browse(set(self.mapped("message_ref")) - {0}).exists().ids)
        for delivery in self:
            found = delivery.message_ref in known
            delivery.mail_message_id = delivery.message_ref if found else False

    @api.model
    def _search_mail_message_id(self, operator, value):
        if operator not in ("in", "any", "any!"):
            return NotImplemented
        if operator == "in":
            value = Domain("id", "in", value)
        messages = self.env["mail.message"].sudo()._search(Domain(value))
        # The Message-Id has an index.
        return Domain("message_id", "in", messages.subselect("message_id")) & Domain(
            "message_ref", "in", messages.subselect("id")
        )

    @api.depends("partner_ref")
    def _compute_partner_id(self):
        partners = self.env["res.partner"].browse(
            {delivery.partner_ref for delivery in self if delivery.partner_ref > 0}
        )
        known = set(partners.exists().ids)
        for delivery in self:
            delivery.partner_id = (
                delivery.partner_ref if delivery.partner_ref in known else False
            )

    # === STORY: what became of a copy, in words that need no knowledge of mail === #

    mail_mail_id = fields.Many2one(
        "mail.mail", "Email in Odoo", compute="_compute_mail_id"
    )
    subject = fields.Char(compute="_compute_subject")
    document = fields.Char(compute="_compute_document")
    story = fields.Html("What Happened", compute="_compute_story", sanitize=False)

    @api.depends("mail_id")
    def _compute_mail_id(self):
        mails = self.env["mail.mail"].browse(set(self.mapped("mail_id")) - {0})
        known = set(mails.exists().ids)
        for delivery in self:
            found = delivery.mail_id in known
            delivery.mail_mail_id = delivery.mail_id if found else False

    @api.depends("mail_message_id", "mail_mail_id")
    def _compute_subject(self):
        for delivery in self:
            message = delivery.mail_message_id or delivery.mail_mail_id.mail_message_id
            message = message.sudo()
            delivery.subject = message.subject or message.record_name

    @api.depends("res_model")
    def _compute_document(self):
        models_ = self.env["ir.model"].sudo()
        for delivery in self:
            name = delivery.res_model
            delivery.document = (models_._get(name).name or name) if name else False

    @api.depends("state", *TIMES.values(), "reason", "doubt", "asked_since")
    def _compute_story(self):
        render = self.env["ir.qweb"]._render
        for delivery in self:
            delivery.story = render(
                "mail_mailgun.delivery_story", delivery._story_values()
            )

    def action_open_document(self):
        """Open what the message was written on."""
        self.ensure_one()
        message = self.mail_message_id
        return {
            "type": "ir.actions.act_window",
            "res_model": message.model,
            "res_id": message.res_id,
            "views": [(False, "form")],
        }

    def _story_values(self):
        """Return what became of the copy, as plain data.

        :return: ``level`` of ``health_line.LEVELS``, ``headline``, ``remedy`` ("" when
            there is nothing to do), ``steps`` (see :meth:`_steps`)
        :rtype: dict
        """
        self.ensure_one()
        return {
            "level": self._level(),
            "headline": self._headline(),
            "remedy": self._remedy(),
            "steps": self._steps(),
        }

    # === WHAT HAPPENED === #

    def _steps(self):
        """Return what happened, the earliest first: when, in words, and why.

        :rtype: list[dict[str, str]]
        """
        happened = {
            kind: moment for kind, name in TIMES.items() if (moment := self[name])
        }
        if len(happened) > 1:
            happened.pop("sending", None)
        # At the same second a mail is delivered first, and opened then.
        rank = {"machine_opened": DELIVERY_RANK["opened"], **DELIVERY_RANK}
        words = self._words()
        return [
            {
                "kind": kind,
                "when": format_datetime(self.env, moment, dt_format="short"),
                "text": words[kind],
                "why": self.reason or "" if kind == self.state else "",
            }
            for kind, moment in sorted(
                happened.items(), key=lambda item: (item[1], rank[item[0]])
            )
        ]

    def _words(self):
        failed = {
            "refused": self.env._("Refused by Mailgun"),
            "address": self.env._("Address refused by Mailgun"),
            "interrupted": self.env._("Not sent"),
        }.get(self.reason_kind)
        return {
            "sending": self.env._("Handed to Mailgun"),
            "accepted": self.env._("Accepted"),
            "deferred": self.env._("Delayed"),
            "delivered": self.env._("Delivered"),
            "opened": self._times(self.env._("Opened"), self.open_count),
            "machine_opened": self.env._("Opened by a program, perhaps by nobody"),
            "clicked": self._times(
                self.env._("A link in the mail was clicked"), self.click_count
            ),
            "unsubscribed": self.env._("Unsubscribed"),
            "suppressed": self.env._("Suppressed at Mailgun"),
            "failed": failed or self.env._("Given up"),
            "bounced": self.env._("Bounced"),
            "complained": self.env._("Reported as spam"),
        }

    def _times(self, words, count):
        if count < 2:
            return words
        return self.env._("%(what)s (%(count)s times so far)", what=words, count=count)

    # === WHERE IT STANDS === #

    def _level(self):
        """Return how bad it is, see ``health_line.LEVELS``."""
        return "warning" if self._is_in_doubt() else _LEVELS[self.state]

    def _headline(self):
        """Return in a sentence what is known of the copy."""
        if self.state == "sending":
            return self._doubt_text()
        if self.state == "suppressed":
            return self._suppression_text()
        if self.state == "failed":
            return self._failure_text()
        return {
            "accepted": self.env._(
                "Mailgun has accepted the mail, and has not told yet whether it "
                "arrived."
            ),
            "deferred": self.env._(
                "The recipient's mail server has delayed the mail. Mailgun tries again "
                "by itself, for about eight hours."
            ),
            "delivered": self.env._(
                "The recipient's mail server has accepted the mail."
            ),
            "opened": self.env._("The mail was opened."),
            "clicked": self.env._("A link in the mail was clicked."),
            "unsubscribed": self.env._("The recipient wants no more of these mails."),
            "bounced": self.env._("The recipient's mail server has refused the mail."),
            "complained": self.env._("The recipient has reported the mail as spam."),
        }[self.state]

    def _suppression_text(self):
        because = {
            "suppress-bounce": self.env._("mail to it came back"),
            "suppress-complaint": self.env._("it has reported mail as spam"),
            "suppress-unsubscribe": self.env._("it has unsubscribed"),
        }
        return self.env._(
            "Mailgun delivers nothing to this address: %s.",
            because.get(self.reason_kind)
            or self.env._("it is on a list of addresses to leave alone"),
        )

    def _failure_text(self):
        return {
            "refused": self.env._("Mailgun refused the mail."),
            "address": self.env._("Mailgun refused the address."),
            "interrupted": self.env._("Mailgun never got the mail."),
        }.get(self.reason_kind) or self.env._("The mail could not be delivered.")

    def _is_in_doubt(self):
        """Tell whether a request was made, and nobody knows how it ended."""
        if self.state != "sending" or not self.sending_at:
            return False
        age = fields.Datetime.now() - self.sending_at
        return bool(self.doubt) or age > STILL_SENDING

    def _doubt_text(self):
        if not self._is_in_doubt():
            return self.env._("The mail is being handed to Mailgun.")
        minutes = self.domain_id.settling_minutes
        until = (self.asked_since or self.sending_at) + timedelta(minutes=minutes)
        if until < fields.Datetime.now():
            return self.env._(
                "It is not known whether Mailgun has taken the mail, and its "
                "confirmation is overdue."
            )
        return self.env._(
            "It is not known whether Mailgun has taken the mail. Waiting for Mailgun's "
            "confirmation until %s.",
            format_datetime(self.env, until, dt_format="short"),
        )

    def _remedy(self):
        """Return what somebody can do about it, "" when there is nothing to do."""
        if self.reason_kind in ("refused", "address"):
            return self.env._("Repair what the reason says, then send the mail again.")
        if self.reason_kind == "interrupted":
            return self.env._("Send it again if it is still wanted.")
        if self.state in ("suppressed", "bounced"):
            return self._address_remedy()
        return {
            "failed": self.env._(
                "Try again later, or reach the recipient in another way."
            ),
            "complained": self.env._(
                "Write to this address only if somebody there asks for it: complaints "
                "make mail to everybody else arrive as spam."
            ),
        }.get(self.state, "")

    def _address_remedy(self):
        """Return what to do about an address that Mailgun may leave alone."""
        if self.env.user.has_group("base.group_system"):
            return self.env._(
                "Check the address. If it is right, press Lift Suppression, then send "
                "the mail again."
            )
        if self.state == "suppressed":
            return self.env._(
                "Check the address. If it is right, ask an administrator to lift this "
                "(Settings > Technical > Email > Mailgun Deliveries, Lift "
                "Suppression), then send the mail again."
            )
        return self.env._(
            "Check the address. Mailgun may deliver nothing more to it until an "
            "administrator lifts that (Settings > Technical > Email > Mailgun "
            "Deliveries, Lift Suppression)."
        )
