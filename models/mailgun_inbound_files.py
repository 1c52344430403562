import contextlib

from markupsafe import Markup

from odoo import fields, models

from .attachment_screen import screen


class MailgunInboundEmail(models.Model):
    """What becomes of the files of a mail: left, marked or held back, by policy."""

    _inherit = "mailgun.inbound.email"

    held_attachment_ids = fields.One2many(
        "mailgun.held.attachment", "inbound_email_id", "Held Files", readonly=True
    )

    def unlink(self):
        # Not left to the database, which would leave their bytes behind.
        self.sudo().held_attachment_ids.unlink()
        return super().unlink()

    @contextlib.contextmanager
    def _screening_attachments(self, message, message_dict):
        """Judge the files of a mail around its posting.

        What is held back is gone from the mail before any record sees it, and kept for
        each message that the mail becomes. Everything happens in the transaction of the
        posting.

        :param EmailMessage message: the mail
        :param dict message_dict: as core has parsed it; loses what is held back
        """
        policy = self.domain_id.attachment_policy
        files = screen(message, message_dict["attachments"])
        suspects = [file for file in files if file.judgement.danger]
        if not suspects or policy == "leave":
            yield
            return
        if policy == "hold":
            suspects += [file for file in files if file.is_original]
            message_dict["attachments"] = [
                file.attachment for file in files if file not in suspects
            ]
        known = self._find_messages()
        yield
        messages = self._find_messages() - known
        if policy == "hold":
            self.env["mailgun.held.attachment"]._keep(self, messages, suspects)
        self._warn_of(suspects, messages, policy)

    def _find_messages(self):
        return self.env["mail.message"].search([("message_id", "=", self.message_id)])

    def _warn_of(self, suspects, messages, policy):
        """Write a note below the messages, which notifies nobody."""
        if policy == "hold":
            note = self._held_note(suspects)
        else:
            note = self._marked_note(suspects)
        for message in messages:
            if message.model and message.res_id:
                self.env[message.model].browse(message.res_id)._message_log(body=note)

    def _marked_note(self, suspects):
        lines = [
            self.env._(
                "Be careful with “%(file)s”: %(why)s",
                file=file.name,
                why=file.describe(self.env),
            )
            for file in suspects
        ]
        lines.append(self.env._("Open it only if you know why it was sent."))
        return _paragraphs(lines)

    def _held_note(self, suspects):
        lines = [
            self.env._(
                "“%(file)s” was held back: %(why)s",
                file=file.name,
                why=file.describe(self.env),
            )
            for file in suspects
        ]
        lines.append(
            self.env._(
                "An administrator can release or discard it in Settings > Technical > "
                "Email > Mailgun Inbound Emails: %s",
                self._get_html_link(title=self.subject or self.message_id),
            )
        )
        return _paragraphs(lines)


def _paragraphs(lines):
    return Markup().join(Markup("<p>%s</p>") % line for line in lines)
