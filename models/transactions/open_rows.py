from odoo import api, fields, models


class MailgunOpenRow(models.Model):
    """Which rows of a big table somebody has to look at again: an index kept by hand.

    PostgreSQL would keep one by itself, on the rows whose state says so. But then no
    change of the state could stay on its page: what an index looks at, its condition
    included, must not change for that (PostgreSQL, "Heap-Only Tuples"), and each event
    would write all indexes of its table anew.

    A row may be listed here that is not open any more: whoever reads looks at the row
    itself. One that is open is never missing, since it is listed by the statement that
    opens it.
    """

    _name = "mailgun.open.row"
    _description = "Mailgun Open Row"
    _log_access = False

    kind = fields.Char(required=True, readonly=True)
    row = fields.Integer(required=True, readonly=True)
    at = fields.Datetime(required=True, readonly=True)

    _row_unique = models.Constraint("UNIQUE(kind, row)", "A row is listed once.")
    _oldest_first = models.Index("(kind, at, row)")

    def init(self):
        # It is as long as what is under way, and changes with each mail and event.
        self.env.cr.execute(
            """ALTER TABLE mailgun_open_row
                 SET (autovacuum_vacuum_scale_factor = 0,
                      autovacuum_vacuum_threshold = 2000)"""
        )

    @api.model
    def _open(self, kind, rows, at):
        """List rows.

        :param str kind: what is to be done with them
        :param list[int] rows: their ids
        :param datetime at: since when
        """
        self.env.cr.execute(
            """INSERT INTO mailgun_open_row (kind, row, at)
               SELECT %s, unnest(%s::int[]), %s
                   ON CONFLICT DO NOTHING""",
            [kind, list(rows), at],
        )

    @api.model
    def _rows(self, kind):
        """Return the ids of the rows that are listed.

        :param str kind: what is to be done with them
        :rtype: list[int]
        """
        self.env.cr.execute("SELECT row FROM mailgun_open_row WHERE kind = %s", [kind])
        return [row for (row,) in self.env.cr.fetchall()]

    @api.model
    def _close(self, kinds, rows):
        """Take rows off the list.

        :param list[str] kinds: what was to be done with them
        :param list[int] rows: their ids
        """
        self.env.cr.execute(
            "DELETE FROM mailgun_open_row WHERE kind = ANY(%s) AND row = ANY(%s)",
            [list(kinds), list(rows)],
            # Who was too late comes again, see ``committed``.
            log_exceptions=False,
        )
