"""Looking at the files of a mail that core has parsed, before they are posted."""

import contextlib
from dataclasses import dataclass
from email.message import EmailMessage

from markupsafe import Markup

from odoo import api, fields, models

from ...tools.mime.attachment_type import (
    Judgement,
    judge,
    readable_name,
)

#: Key in core's ``info`` of an attachment: the type to store it with.
STORED_TYPE = "mailgun_stored_type"

#: The same for the type that the mail declares.
DECLARED_TYPE = "mailgun_declared_type"

#: What core calls the copy of the mail that an incoming server may ask for, and the
#: only attachment without an encoding in its ``info`` (mail_thread.py,
#: ``_message_parse_extract_payload``).
ORIGINAL = "original_email.eml"


@dataclass(eq=False)
class ScreenedFile:
    """An attachment as core will post it, and what is to be said of it.

    :param attachment: core's tuple
    :param name: as it may be shown
    :param data: the content as bytes
    :param declared_type: by the mail, or ""
    :param is_original: this is the whole mail, with all the others in it
    """

    attachment: tuple
    name: str
    data: bytes
    declared_type: str
    judgement: Judgement
    is_original: bool

    def describe(self, env):
        """Say why the file is dangerous, or why it is held back with one that is."""
        kind, ending = self.judgement.true_type, self.judgement.ending
        reasons = {
            "": env._("It holds the whole mail with every file in it."),
            "program": env._("It is a program, or starts one (%s).", kind),
            "ending": env._("Opening a .%s file can start a program.", ending),
            "macros": env._(
                "It is a document with macros: opening it can start a program."
            ),
            "pretence": env._(
                "It pretends to be something else and is a program (%s).", kind
            ),
            "double_ending": env._(
                "Its name looks like that of a document, and its last ending, .%s, can "
                "start a program.",
                ending,
            ),
            "reversed_name": env._(
                "Its name contains characters that make it read backwards."
            ),
        }
        return reasons[self.judgement.sign]


def screen(attachments):
    """Judge every file of a mail and set the type that it is stored with.

    :param list attachments: core's tuples; their ``info`` gets the type
    :rtype: list[ScreenedFile]
    """
    return [_screen(attachment) for attachment in attachments]


def _screen(attachment):
    # Other modules may add files, for which core takes a name and a content as well.
    name, content, info = (*attachment, None)[:3]
    info = {} if info is None else info
    kind = info.get(DECLARED_TYPE, "")
    data = _bytes_of(content, info.get("encoding"))
    judgement = judge(name, kind, data)
    if judgement.mimetype:
        info[STORED_TYPE] = judgement.mimetype
    is_original = name == ORIGINAL and "encoding" not in info
    return ScreenedFile(
        attachment, readable_name(name), data, kind, judgement, is_original
    )


def _bytes_of(content, encoding):
    """Return the bytes that core will store (``_process_attachments_for_post``)."""
    if isinstance(content, EmailMessage):
        return content.as_bytes()
    if not isinstance(content, str):
        return content or b""
    try:
        return content.encode(encoding or "utf-8")
    except (UnicodeEncodeError, LookupError):
        return content.encode("utf-8", "replace")


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
        files = screen(message_dict["attachments"])
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


class MailThread(models.AbstractModel):
    """Looks at the files of our mails before core posts them."""

    _inherit = "mail.thread"

    @api.model
    def _message_route_process(self, message, message_dict, routes):
        row = self._mailgun_notes().row
        if not (row and routes and message_dict.get("attachments")):
            return super()._message_route_process(message, message_dict, routes)
        with row._screening_attachments(message, message_dict):
            return super()._message_route_process(message, message_dict, routes)

    def _create_attachments_for_post(self, values_list, extra_list):
        if self._mailgun_notes().row:
            # Core stores no declared type and guesses from the name; what it refuses to
            # serve as it is (HTML, XML) it still turns into text.
            for values, extra in zip(values_list, extra_list, strict=False):
                info = extra[-1]
                if info and info.get(STORED_TYPE):
                    values["mimetype"] = info[STORED_TYPE]
        return super()._create_attachments_for_post(values_list, extra_list)


def _paragraphs(lines):
    return Markup().join(Markup("<p>%s</p>") % line for line in lines)
