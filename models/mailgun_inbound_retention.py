from odoo import api, models
from odoo.fields import Domain
from odoo.tools.constants import GC_UNLINK_LIMIT

from .retention import keep_since

# Days, each by the system parameter mail_mailgun.<name>.
RETENTION = {"keep_bytes_days": 7, "keep_rows_days": 30, "keep_trouble_days": 90}
TROUBLE = ("failed", "held", "unrouted")


class MailgunInboundEmail(models.Model):
    """How long the journal keeps what; waiting mail stays until it is routed."""

    _inherit = "mailgun.inbound.email"

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
