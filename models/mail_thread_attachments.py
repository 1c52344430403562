from odoo import api, models

from .attachment_screen import STORED_TYPE


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
