from odoo import api, fields, models
from odoo.exceptions import UserError

from ...tools.mime.attachment_type import UNKNOWN_TYPE


class MailgunHeldAttachment(models.Model):
    """A file that was taken out of a mail and waits for an administrator.

    One for each message that the mail became; Odoo's file store keeps the same bytes
    once. After the decision the row stays without the bytes and tells who decided.
    """

    _name = "mailgun.held.attachment"
    _description = "Mailgun Held Attachment"
    _order = "id desc"

    inbound_email_id = fields.Many2one(
        "mailgun.inbound.email",
        required=True,
        readonly=True,
        ondelete="cascade",
        index=True,
    )
    mail_message_id = fields.Many2one(
        "mail.message", "Message", readonly=True, ondelete="set null", index="btree"
    )
    name = fields.Char("File", required=True, readonly=True)
    declared_type = fields.Char(readonly=True, help="What the mail says that it is.")
    true_type = fields.Char(readonly=True, help="What its bytes show that it is.")
    reason = fields.Char(readonly=True)
    data = fields.Binary("Content", attachment=True, readonly=True)
    state = fields.Selection(
        [
            ("waiting", "Held back"),
            ("released", "Released"),
            ("discarded", "Discarded"),
        ],
        required=True,
        readonly=True,
        default="waiting",
        index=True,
    )
    decided_by_id = fields.Many2one("res.users", "Decided by", readonly=True)
    decided_at = fields.Datetime("Decided on", readonly=True)

    @api.model
    def _keep(self, row, messages, files):
        """Keep files that were taken out of a mail.

        :param row: the ``mailgun.inbound.email``
        :param messages: what the mail became; without any, the files are kept once
        :param files: of ``ScreenedFile``
        """
        for message in list(messages) or [messages]:
            for file in files:
                held = self.create(
                    {
                        "inbound_email_id": row.id,
                        "mail_message_id": message.id,
                        "name": file.name,
                        "declared_type": file.declared_type,
                        "true_type": file.judgement.true_type,
                        "reason": file.describe(self.env),
                    }
                )
                held._store(file.data)

    def _store(self, data):
        # Straight to the attachment, as in the journal: no base64, and a type that
        # Odoo does not ask libmagic for.
        self.env["ir.attachment"].create(
            {
                "name": "data",
                "raw": data,
                "mimetype": UNKNOWN_TYPE,
                "res_model": self._name,
                "res_field": "data",
                "res_id": self.id,
            }
        )

    def _bytes(self):
        attachments = self.env["ir.attachment"].search(
            [
                ("res_model", "=", self._name),
                ("res_field", "=", "data"),
                ("res_id", "=", self.id),
            ]
        )
        data = attachments._mailgun_bytes() if attachments else None
        if data is None:
            raise UserError(
                self.env._(
                    "The bytes of “%s” are missing from Odoo's file store or were "
                    "changed there. Restore the file store from a backup, or press "
                    "Discard and ask the sender to send the file again.",
                    self.name,
                )
            )
        return data

    # === ACTIONS === #

    def action_release(self):
        """Attach the files to the messages that they came with.

        :raise UserError: a message is gone
        """
        files = self._waiting()
        for file in files:
            file._attach()
            file._note(
                self.env._(
                    "Released “%s”, which had been held back. It is attached to the "
                    "mail.",
                    file.name,
                )
            )
        files._decide("released")

    def action_discard(self):
        """Remove the bytes of the files; that they came stays known."""
        files = self._waiting()
        for file in files:
            file._note(
                self.env._("Discarded “%s”, which had been held back.", file.name)
            )
        files._decide("discarded")

    def _waiting(self):
        self.check_access("write")
        # The record may be one of another company.
        return self.filtered(lambda file: file.state == "waiting").sudo()

    def _attach(self):
        message = self.mail_message_id
        if not message:
            raise UserError(
                self.env._(
                    "The message that “%s” came with was deleted, so the file cannot "
                    "be attached to it. Press Discard.",
                    self.name,
                )
            )
        # As core does for mail: HTML and its like are never served as such.
        attachments = self.env["ir.attachment"].with_context(
            attachments_mime_plainxml=True
        )
        attachment = attachments.create(
            {
                "name": self.name,
                "raw": self._bytes(),
                "mimetype": self.true_type or UNKNOWN_TYPE,
                "res_model": message.model or message._name,
                "res_id": message.res_id or message.id,
            }
        )
        message.attachment_ids = [fields.Command.link(attachment.id)]

    def _note(self, text):
        message = self.mail_message_id
        if message.model and message.res_id:
            self.env[message.model].browse(message.res_id)._message_log(body=text)

    def _decide(self, state):
        self.write(
            {
                "state": state,
                "data": False,
                "decided_by_id": self.env.uid,
                "decided_at": fields.Datetime.now(),
            }
        )
