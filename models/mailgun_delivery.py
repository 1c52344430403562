from odoo import api, fields, models
from odoo.fields import Domain

from ..const import DELIVERY_STATES

#: Columns that hold when something happened, by what happened.
TIMES = {state: f"{state}_at" for state, _label in DELIVERY_STATES} | {
    "machine_opened": "machine_opened_at"
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
    message_id = fields.Char("Message-Id", required=True, readonly=True, index=True)
    mailgun_id = fields.Char(
        "Message-Id at Mailgun",
        readonly=True,
        index="btree_not_null",
        help="Usually the same; some mail gets another one there.",
    )
    mail_id = fields.Integer("Email", required=True, readonly=True, default=0)
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
    _in_doubt = models.Index("(sending_at) WHERE state = 'sending'")
    _by_age = models.Index("(sending_at)")
    # Also the index on the domain.
    _by_domain_and_age = models.Index("(domain_id, sending_at)")

    # === COMPUTE METHODS === #

    @api.depends("message_id")
    def _compute_mail_message_id(self):
        messages = self.env["mail.message"].sudo()
        found = messages.search([("message_id", "in", self.mapped("message_id"))])
        by_id = {message.message_id: message for message in found.sorted("id")}
        for delivery in self:
            delivery.mail_message_id = by_id.get(delivery.message_id)

    @api.model
    def _search_mail_message_id(self, operator, value):
        if operator not in ("in", "any", "any!"):
            return NotImplemented
        if operator == "in":
            value = Domain("id", "in", value)
        messages = self.env["mail.message"].sudo()._search(Domain(value))
        return Domain("message_id", "in", messages.subselect("message_id"))

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
