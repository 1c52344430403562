from odoo import api, fields, models
from odoo.fields import Domain
from odoo.tools import SQL


class MailgunUnsubscribe(models.Model):
    """An address on the list of unsubscribes of a domain for newsletters.

    It tells whose entry that is: only what we have put on the list is taken off again.
    """

    _name = "mailgun.unsubscribe"
    _description = "Mailgun Unsubscribe"
    _rec_name = "email_normalized"
    _log_access = False

    domain_id = fields.Many2one(
        "mailgun.domain", required=True, readonly=True, ondelete="cascade"
    )
    email_normalized = fields.Char("Address", required=True, readonly=True)
    is_ours = fields.Boolean(
        readonly=True, help="Odoo has put it on the list, and takes it off again."
    )

    # This is the index on the domain, too.
    _address_unique = models.Constraint(
        "UNIQUE(domain_id, email_normalized)", "An address is on a list once."
    )

    @api.model
    def _note(self, domain, addresses, is_ours):
        """Note who is on the list of a domain; what is noted already stays so.

        :param addresses: normalized
        """
        if addresses:
            values = [(domain.id, address, is_ours) for address in addresses]
            self.env.cr.execute(
                SQL(
                    """INSERT INTO mailgun_unsubscribe
                              (domain_id, email_normalized, is_ours)
                       VALUES %s ON CONFLICT DO NOTHING""",
                    SQL(", ").join(SQL("%s", value) for value in values),
                )
            )

    @api.model
    def _forget(self, domain, addresses):
        """Note that addresses of ours are no longer on the list."""
        self.search(
            self._ours(domain) & Domain("email_normalized", "in", addresses)
        ).unlink()

    @api.model
    def _ours_of(self, domain, addresses):
        """Return which of the addresses we have put on the list."""
        rows = self.search(
            self._ours(domain) & Domain("email_normalized", "in", addresses)
        )
        return set(rows.mapped("email_normalized"))

    @api.model
    def _to_push(self, domain, limit):
        """Return addresses that are on Odoo's blacklist and not on the list."""
        if not domain.is_marketing:
            return []
        self.env.cr.execute(
            """SELECT blacklist.email FROM mail_blacklist AS blacklist
                WHERE blacklist.active
                  AND NOT EXISTS (SELECT FROM mailgun_unsubscribe AS known
                                   WHERE known.domain_id = %s
                                     AND known.email_normalized = blacklist.email)
                ORDER BY blacklist.id
                LIMIT %s""",
            [domain.id, limit],
        )
        return [email for (email,) in self.env.cr.fetchall()]

    @api.model
    def _to_take_back(self, domain, limit):
        """Return addresses of ours that are no longer wanted on the list."""
        self.env.cr.execute(
            """SELECT email_normalized FROM mailgun_unsubscribe AS known
                WHERE domain_id = %s AND is_ours
                  AND NOT (%s AND EXISTS (SELECT FROM mail_blacklist AS blacklist
                                           WHERE blacklist.active
                                             AND blacklist.email
                                                 = known.email_normalized))
                ORDER BY id
                LIMIT %s""",
            [domain.id, domain.is_marketing, limit],
        )
        return [email for (email,) in self.env.cr.fetchall()]

    def _ours(self, domain):
        return Domain("domain_id", "=", domain.id) & Domain("is_ours", "=", True)
