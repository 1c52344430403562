from markupsafe import Markup
from psycopg2 import Error

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools.mail import append_content_to_html

from ...tools.errors import UnreadableMail
from ...tools.mime.core_copy import core_copy, readable_copy
from ...tools.mime.mail_head import envelope
from ...tools.mime.parsed_form import MISSING_FILES
from .attachments import DECLARED_TYPE, ORIGINAL


class MailgunInboundEmail(models.Model):
    """What core gets of a mail: a copy that its parser takes, and loses nothing of."""

    _inherit = "mailgun.inbound.email"

    mended = fields.Char(
        readonly=True,
        help="What was wrong with the mail, and was put right in what Odoo has read. "
        "The original is kept as it came.",
    )

    def _pass_to_core(self, notes, process):
        """Have core read a mail, or what can be read of it.

        :param RoutingNotes notes: get what is put back into the message
        :param process: called with the copy; with another when core cannot read it
        """
        for copy_of in (core_copy, readable_copy):
            # Not kept here: core is about to need the room.
            copy = copy_of(self._bytes_to_route(), self.sender or "")
            notes.parts = copy.parts
            self.mended = ", ".join(copy.faults) or False
            mime = envelope(copy.mime, self.sender, [self.recipient], self.message_id)
            try:
                return process(mime)
            except UnreadableMail:
                if copy_of is readable_copy:
                    raise


class MailThread(models.AbstractModel):
    """Puts back what is not in the copy (``tools/mime/core_copy.py``)."""

    _inherit = "mail.thread"

    @api.model
    def message_parse(self, message, save_original=False):
        """Tell a mail that cannot be read from everything else that may be wrong."""
        if not self._mailgun_notes().row:
            return super().message_parse(message, save_original=save_original)
        try:
            return super().message_parse(message, save_original=save_original)
        except (Error, MemoryError, UserError):
            raise
        except Exception as error:
            # Python's parser, and Odoo's code behind it, raise anything.
            raise UnreadableMail(f"{type(error).__name__}: {error}") from error

    @api.model
    def _message_parse_extract_payload(
        self, message, message_dict, save_original=False
    ):
        row, parts = self._mailgun_notes().row, self._mailgun_notes().parts
        payload = super()._message_parse_extract_payload(
            message, message_dict, save_original=save_original and not row
        )
        if save_original and row:
            # Core would write anew what it has parsed, which is not the original.
            original = self._Attachment(ORIGINAL, row._bytes_to_route(), {})
            payload["attachments"].insert(0, original)
        files = {part.mark: part for part in parts if part.mark}
        payload["attachments"] = [
            _put_back(attachment, files) for attachment in payload["attachments"]
        ]
        for part in parts:
            if not part.mark:
                self._mailgun_attach_text(payload, part.data)
        missing = row and str(message.get(MISSING_FILES, ""))
        if missing and missing.isascii() and missing.isdigit():
            said = self.env._(
                "Files of this mail that did not arrive: %s. Ask the sender to send "
                "them again.",
                missing,
            )
            self._mailgun_say(payload, said)
        return payload

    def _mailgun_attach_text(self, payload, text):
        """Attach the whole of a text of which the message shows the beginning.

        :param dict payload: as core returns it
        :param bytes text: all of it
        """
        name = self.env._("Whole text.txt")
        said = self.env._(
            "This mail has more text than is shown here: all of it is in the file "
            "“%s”.",
            name,
        )
        payload["attachments"].append(self._Attachment(name, text, {}))
        self._mailgun_say(payload, said)

    def _mailgun_say(self, payload, text):
        """Write a paragraph below what the sender has written."""
        payload["body"] = append_content_to_html(
            payload["body"], Markup("<p>%s</p>") % text, plaintext=False
        )


def _put_back(attachment, files):
    """Return core's tuple with the file in the place of its mark."""
    content = attachment[1]
    part = files.get(content) if isinstance(content, bytes) else None
    if part is None:
        return attachment
    attachment[2][DECLARED_TYPE] = part.kind
    return attachment._replace(content=part.data)
