from datetime import timedelta

from markupsafe import Markup

from odoo import api, fields, models
from odoo.fields import Domain
from odoo.tools.constants import GC_UNLINK_LIMIT

from ...const import INBOUND_STATES
from ...tools.mime.mail_head import fingerprint
from ..domain.mailgun_used_token import use_of
from ..transactions.own_cursor import committed, insert_if_new
from ..transactions.retention import keep_since

REPAIR = "mail_mailgun.mail_activity_type_repair"

# A broken setting fails every mail, and strangers can break what they like: more open
# activities of a domain would tell nothing.
MAX_ACTIVITIES = 5
MAX_NOTE = 500

MAX_DIGEST_LINES = 50

# Days, each by the system parameter mail_mailgun.<name>.
RETENTION = {"keep_bytes_days": 7, "keep_rows_days": 30, "keep_trouble_days": 90}

TROUBLE = ("failed", "held", "unrouted")


class MailgunInboundEmail(models.Model):
    """The journal: each mail that Mailgun gave us, with its bytes and its fate.

    A row and its bytes are committed before Mailgun gets its 200, so from then on the
    mail is ours to lose. How it is routed is in ``routing.py``.
    """

    _name = "mailgun.inbound.email"
    _inherit = ["mail.thread", "mail.activity.mixin"]
    _description = "Mailgun Inbound Email"
    _order = "id desc"
    _rec_name = "subject"

    domain_id = fields.Many2one(
        "mailgun.domain", required=True, readonly=True, ondelete="restrict", index=True
    )
    token = fields.Char(
        readonly=True, help="Mailgun's random string: one for each of its posts."
    )
    message_id = fields.Char("Message-Id", readonly=True, index=True)
    sender = fields.Char(readonly=True, help="Envelope sender (SMTP MAIL FROM).")
    recipient = fields.Char(readonly=True, help="Envelope recipient (SMTP RCPT TO).")
    subject = fields.Char(readonly=True)
    state = fields.Selection(
        INBOUND_STATES, required=True, default="pending", readonly=True, index=True
    )
    error = fields.Text("Reason", readonly=True)
    remedy = fields.Text("What to Do", readonly=True)
    error_detail = fields.Text("Technical Detail", readonly=True)
    error_class = fields.Char("Kind of Failure", readonly=True)
    attempt_count = fields.Integer("Attempts", readonly=True)
    unended_count = fields.Integer(
        "Attempts Without End",
        readonly=True,
        help="Attempts of which nothing is known but that they began: one may be under "
        "way, during the others Odoo was stopped.",
    )
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
    # Where Mailgun keeps the whole mail; what is here has no attachments yet. It is
    # asked with the key of the domain, so nobody writes it but the post itself.
    stored_url = fields.Char(readonly=True, groups=fields.NO_ACCESS)
    create_date = fields.Datetime("Received on")

    _mail_unique = models.Constraint(
        "UNIQUE(domain_id, message_id, recipient)",
        "A mail is kept once for each of its recipients.",
    )

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
        return committed(
            self.env.registry, lambda env: env[self._name]._insert(domain, post, token)
        )

    @api.model
    def _receive_signed(self, shares, token):
        """Write a mail that was posted to the journal and commit.

        :param shares: of one post, each a ``mailgun.domain`` whose key signed it and
            the ``InboundPost`` with the recipients on that domain
        :param str token: of the signature
        :return: the ids of new rows; empty when everything was known
        :rtype: list[int]
        :raise InvalidSignature: it came with something else before
        """
        recipients = [one for _domain, post in shares for one in post.recipients]
        use = use_of("mail", shares[0][1].message_id, *sorted(recipients))

        def write_down(env):
            if not env["mailgun.used.token"]._use(token, use):
                return []
            journal = env[self._name]
            found = [
                journal._insert(
                    domain, journal._without_recovered(domain, post, token), token
                )
                for domain, post in shares
            ]
            return [row_id for ids in found for row_id in ids]

        return committed(self.env.registry, write_down)

    def _insert(self, domain, post, token):
        verdicts = self._verdict_values(domain.with_env(self.env), post.raw)
        mark = fingerprint(post.raw)
        ids, place = [], self._place_values(post)
        for recipient in post.recipients:
            values = {
                "domain_id": domain.id,
                "token": token,
                "message_id": post.message_id,
                "sender": post.sender,
                "recipient": recipient,
                "subject": post.subject,
                "fingerprint": mark,
                "stored_url": post.stored_url or None,
                "state": "pending",
                "attempt_count": 0,
                "next_attempt_at": fields.Datetime.now(),
                **place,
                **verdicts,
            }
            ids += insert_if_new(self, values) or self._insert_namesake(
                values, post.raw
            )
        self._attach(ids, post.raw)
        return ids

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
        """Return the exact bytes of the mail; None when they were removed or lost."""
        self.ensure_one()
        attachment = self._raw_attachment()
        return attachment._mailgun_bytes() if attachment else None

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
        told = self._told(rows, self.env._("%s routed again", len(rows)))
        rows._route_anew()
        return told

    def _route_anew(self):
        self._queue_up()
        self.write(
            {
                "state": "pending",
                "attempt_count": 0,
                "unended_count": 0,
                "next_attempt_at": fields.Datetime.now(),
                "is_settled": False,
                "error": False,
                "remedy": False,
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

    def action_create_alias(self):
        """Open a new alias for the address that nobody takes mail for."""
        self.ensure_one()
        name, _at, domain = (self.recipient or "").partition("@")
        found = self.env["mail.alias.domain"].search([("name", "=", domain)], limit=1)
        return {
            "type": "ir.actions.act_window",
            "res_model": "mail.alias",
            "views": [(False, "form")],
            "context": {
                "default_alias_name": name,
                "default_alias_domain_id": found.id,
            },
        }

    # === NOTICES === #
    # A failed mail raises an activity, since somebody waits for an answer. Mail to
    # addresses that do not exist is everyday noise and comes as a daily digest.

    # === ACTIVITIES === #

    def _raise_activity(self):
        """Ask the domain's responsible user to look, once for each kind of failure."""
        self.ensure_one()
        known = self._announced().mapped("error_class")
        if self.error_class in known or len(known) >= MAX_ACTIVITIES:
            return
        self.activity_schedule(
            REPAIR,
            summary=self.env._("A mail of %s could not be routed", self.sender or "?"),
            # The reason may repeat what the mail says: it is text, and not endless.
            note=Markup("<p>%s</p><p>%s</p>")
            % (self.error[:MAX_NOTE], self.remedy or ""),
            user_id=(self.domain_id.user_id or self.env.ref("base.user_admin")).id,
        )

    def _announced(self):
        """Return the domain's mails that somebody was asked to look at and has not."""
        activities = self.env["mail.activity"].search(
            [
                ("res_model", "=", self._name),
                ("activity_type_id", "=", self.env.ref(REPAIR).id),
            ]
        )
        rows = self.browse(activities.mapped("res_id")).exists()
        return rows.filtered(lambda row: row.domain_id == self.domain_id)

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

    # === RETENTION: waiting mail stays until it is routed === #

    _by_age = models.Index("(create_date)")

    @api.autovacuum
    def _gc_bytes(self):
        """Remove the bytes of mail that has long become a message."""
        self.env.cr.execute(
            """SELECT attachment.id
                 FROM ir_attachment AS attachment
                 JOIN mailgun_inbound_email AS mail ON mail.id = attachment.res_id
                WHERE attachment.res_model = %s
                  AND attachment.res_field = 'raw'
                  AND mail.state IN ('done', 'ignored')
                  AND mail.create_date < %s
                LIMIT %s""",
            [self._name, self._limit_of("keep_bytes_days"), GC_UNLINK_LIMIT],
        )
        ids = [row_id for (row_id,) in self.env.cr.fetchall()]
        self.env["ir.attachment"].browse(ids).unlink()
        return len(ids), len(ids) == GC_UNLINK_LIMIT

    @api.autovacuum
    def _gc_rows(self):
        """Remove what nobody will ask for any more."""
        waiting = Domain("held_attachment_ids", "any", [("state", "=", "waiting")])
        troubled = Domain("state", "in", TROUBLE) | waiting
        settled = Domain("state", "in", ("done", "ignored")) & ~waiting
        domain = (
            settled & Domain("create_date", "<", self._limit_of("keep_rows_days"))
        ) | (troubled & Domain("create_date", "<", self._limit_of("keep_trouble_days")))
        rows = self.search(domain, limit=GC_UNLINK_LIMIT)
        rows.unlink()
        return len(rows), len(rows) == GC_UNLINK_LIMIT

    @api.model
    def _limit_of(self, name):
        return keep_since(self.env, name, RETENTION[name])
