import psycopg2

from odoo import api, fields, models

from ..const import INBOUND_STATES, JOURNAL_TRIES
from ..tools.mail_head import derived_message_id, same_text
from .insert import insert_if_new
from .own_cursor import own_cursor


class MailgunInboundEmail(models.Model):
    """The journal: each mail that Mailgun gave us, with its bytes and its fate.

    A row and its bytes are committed before Mailgun gets its 200, so from then on the
    mail is ours to lose. How it is routed is in ``mailgun_inbound_routing.py``.
    """

    _name = "mailgun.inbound.email"
    _description = "Mailgun Inbound Email"
    _order = "id desc"
    _rec_name = "subject"

    domain_id = fields.Many2one(
        "mailgun.domain", required=True, readonly=True, ondelete="restrict", index=True
    )
    token = fields.Char(readonly=True, help="Mailgun's random string; never repeats.")
    message_id = fields.Char("Message-Id", readonly=True, index=True)
    sender = fields.Char(readonly=True, help="Envelope sender (SMTP MAIL FROM).")
    recipient = fields.Char(readonly=True, help="Envelope recipient (SMTP RCPT TO).")
    subject = fields.Char(readonly=True)
    state = fields.Selection(
        INBOUND_STATES, required=True, default="pending", readonly=True, index=True
    )
    error = fields.Text("Reason", readonly=True)
    error_detail = fields.Text("Technical Detail", readonly=True)
    attempt_count = fields.Integer("Attempts", readonly=True)
    next_attempt_at = fields.Datetime("Next Attempt", readonly=True)
    is_settled = fields.Boolean(
        "Settled",
        readonly=True,
        help="Odoo answered the mail, took it as a delivery report, or decided to do "
        "nothing. That holds for all whom the mail names: it is posted for each.",
    )
    is_looping = fields.Boolean(
        readonly=True, help="Core's guard against mail loops stopped it."
    )
    mail_message_id = fields.Many2one(
        "mail.message", "Message", readonly=True, ondelete="set null", index="btree"
    )
    alias_ids = fields.Many2many(
        "mail.alias",
        string="Reached Aliases",
        readonly=True,
        help="The aliases that got the mail; a further recipient that is one of them "
        "needs nothing more.",
    )
    raw = fields.Binary("Mail", attachment=True, readonly=True)
    raw_name = fields.Char(compute="_compute_raw_name")
    stored_url = fields.Char(
        "Stored at",
        readonly=True,
        help="Where Mailgun keeps the whole mail. What is here has no attachments yet.",
    )
    create_date = fields.Datetime("Received on")

    _token_unique = models.Constraint("UNIQUE(token)", "A token is used only once.")
    _mail_unique = models.Constraint(
        "UNIQUE(domain_id, message_id, recipient)",
        "A mail is kept once for each of its recipients.",
    )
    _waiting = models.Index("(next_attempt_at, id) WHERE state = 'pending'")

    def _compute_raw_name(self):
        for row in self:
            row.raw_name = f"{row.id}.eml"

    # === RECEIVING === #

    @api.model
    def _receive(self, domain, post, token):
        """Write a mail to the journal and commit, whatever the caller's does later.

        Two posts of one mail at the same instant make one row, and both are answered.

        :param domain: the ``mailgun.domain`` whose key signed the post
        :param InboundPost post: what was posted
        :param str token: of the signature
        :return: the ids of new rows; empty when everything was known
        :rtype: list[int]
        """
        verdicts = self._verdict_values(domain, post.raw)
        for tries_left in reversed(range(JOURNAL_TRIES)):
            try:
                with own_cursor(self.env.registry) as env:
                    return env[self._name]._insert(domain.id, post, token, verdicts)
            except psycopg2.errors.SerializationFailure:
                # The other post of the same mail was committed after our snapshot; the
                # next one sees its row.
                if not tries_left:
                    raise
        raise AssertionError("unreachable")

    def _insert(self, domain_id, post, token, verdicts):
        ids = []
        for position, recipient in enumerate(post.recipients):
            values = {
                "domain_id": domain_id,
                "token": token if position == 0 else f"{token}/{position}",
                "message_id": post.message_id,
                "sender": post.sender,
                "recipient": recipient,
                "subject": post.subject,
                "stored_url": post.stored_url or None,
                "state": "pending",
                "attempt_count": 0,
                "next_attempt_at": fields.Datetime.now(),
                **verdicts,
            }
            ids += insert_if_new(self, values) or self._insert_namesake(
                values, post.raw
            )
        self._attach(ids, post.raw)
        return ids

    def _insert_namesake(self, values, raw):
        """Keep a mail that shares nothing but its Message-Id with one that we have.

        Some programs give all their mails the same. Core would drop the second; here it
        waits for a person, under an identifier of its own.
        """
        keys = ("domain_id", "message_id", "recipient")
        twin = self.search([(key, "=", values[key]) for key in keys])
        kept = twin and twin.token != values["token"] and twin._raw_bytes()
        if not kept or same_text(kept, raw):
            return []
        reason = self.env._(
            "Another mail with the same Message-Id and another text came before. If "
            "this one is a mail of its own, press Release."
        )
        renamed = {"message_id": derived_message_id(raw), "state": "held"}
        return insert_if_new(self, {**values, **renamed, "error": reason})

    def _attach(self, ids, raw):
        # Straight to the attachment: a Binary field would take base64 only, which is
        # several more copies of a mail that may have 64 MB.
        self.env["ir.attachment"].create(
            [
                {
                    "name": "raw",
                    "raw": raw,
                    "mimetype": "message/rfc822",
                    "res_model": self._name,
                    "res_field": "raw",
                    "res_id": row_id,
                }
                for row_id in ids
            ]
        )

    def _raw_bytes(self):
        """Return the exact bytes of the mail, or None when they were removed."""
        self.ensure_one()
        attachment = self._raw_attachment()
        return attachment.raw if attachment else None

    def _raw_attachment(self):
        return self.env["ir.attachment"].search(
            [
                ("res_model", "=", self._name),
                ("res_field", "=", "raw"),
                ("res_id", "in", self.ids),
            ]
        )

    # === ACTIONS === #

    def action_retry(self):
        """Route the mails once more, from the beginning."""
        rows = self.filtered(lambda row: row.state != "done")
        rows.write(
            {
                "state": "pending",
                "attempt_count": 0,
                "next_attempt_at": fields.Datetime.now(),
                "is_settled": False,
                "error": False,
                "error_detail": False,
            }
        )
        self._trigger_queue()

    def action_open_record(self):
        """Show the record that the mail became a message of."""
        self.ensure_one()
        message = self.mail_message_id
        if not message.model or not message.res_id:
            return None
        return {
            "type": "ir.actions.act_window",
            "res_model": message.model,
            "res_id": message.res_id,
            "view_mode": "form",
        }
