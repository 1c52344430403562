import secrets
from pathlib import Path

from odoo import api, models

from ..transactions.own_cursor import WHOLE_FILES

# Bytes of a text that is searched for words: core makes a list of all of them, which
# takes three times its size.
_INDEXED = 2**20


class IrAttachment(models.Model):
    """Reads and writes files whole or not at all.

    Core reads a file that is missing as an empty one. It opens a new one under its
    final name and then fills it: who is killed in between leaves half a file, and every
    later attempt with the same bytes is refused as a collision; who comes at that
    moment sees half a mail, or is refused as well. Mailgun posts the same bytes once
    for each recipient, at one instant.
    """

    _inherit = "ir.attachment"

    def _mailgun_bytes(self):
        """Return the exact bytes, or None when the file store does not have them.

        In the context of a form core gives the size in place of the bytes.
        """
        data = self.with_context(bin_size=False).raw or b""
        # A mail may have 64 MB: whoever asked for it is to be the only one who has it.
        self.invalidate_recordset(["raw"], flush=False)
        return data if self._compute_checksum(data) == self.checksum else None

    @api.model
    def _index(self, bin_data, file_type, **options):
        # What other modules find in a PDF and the like is left to them.
        if self.env.context.get(WHOLE_FILES) and (file_type or "").startswith("text/"):
            bin_data = bin_data[:_INDEXED]
        return super()._index(bin_data, file_type, **options)

    @api.model
    def _get_path(self, bin_data, sha):
        # Asked by core before it writes, and where it refuses half a file.
        if self.env.context.get(WHOLE_FILES) and self._storage() == "file":
            self._mailgun_place_file(bin_data, sha)
        return super()._get_path(bin_data, sha)

    @api.model
    def _mailgun_place_file(self, content, checksum):
        """Put a file where core is about to write it, unless it is there."""
        name = f"{checksum[:2]}/{checksum}"
        path = Path(self._full_path(name))
        # Other bytes with the right checksum are a collision: core refuses them. What
        # is usual is found out first, which reads the file piece by piece.
        if path.exists() and (
            self._same_content(content, path)
            or self._compute_checksum(path.read_bytes()) == checksum
        ):
            return
        # First, so that a file whose transaction fails is removed.
        self._mark_for_gc(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f"{checksum}-{secrets.token_hex(8)}")
        partial.write_bytes(content)
        partial.replace(path)
