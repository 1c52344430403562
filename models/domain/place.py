"""Whether this database stands where it was confirmed, as far as PostgreSQL tells.

One that was restored from a dump, and one that was moved, has the name, the identity
and the waiting mail of what it comes from; what was sent since then it does not know.
PostgreSQL gives it a number of its own. That is a hint: a person says what it is.
"""

from odoo import api, fields, models

from ...tools.errors import SettingError
from ..transactions.own_cursor import committed
from .health import HealthLine


class MailgunDomain(models.Model):
    """Sends nothing from another place until a person has said that it is right."""

    _inherit = "mailgun.domain"

    place = fields.Char(readonly=True, copy=False)
    is_moved = fields.Boolean("Restored or Moved", compute="_compute_is_moved")
    # Copies of mail in Mailgun's record that this database had not written down.
    unknown_sent_count = fields.Integer(readonly=True, copy=False)

    @api.depends("state", "place")
    def _compute_is_moved(self):
        here = self._place()
        for domain in self:
            is_here = domain.state == "ready" and not domain.is_foreign
            domain.is_moved = is_here and bool(domain.place) and domain.place != here

    @api.model
    def _place(self):
        """Return the number of the cluster, and of the database in it."""
        self.env.cr.execute(
            """SELECT system_identifier || '/' || oid
                 FROM pg_control_system(), pg_database
                WHERE datname = current_database()"""
        )
        return self.env.cr.fetchone()[0]

    def _bind(self):
        self.write({"place": self._place(), "unknown_sent_count": 0})
        return super()._bind()

    def action_go_on(self):
        """Send from here: this database was restored, or has moved.

        Who reads Mailgun's record writes down what that knows and this database does
        not, so that it is not sent again.
        """
        self.ensure_one()
        values = {"place": self._place(), "unknown_sent_count": 0}
        # Apart, as what is noted meanwhile: that is the same row.
        committed(self.env.registry, lambda env: self.with_env(env).write(values))
        self.invalidate_recordset(list(values))

    def _open_sender(self):
        """Return a client for sending mail.

        :rtype: MailgunClient
        :raise SettingError: see ``_open_client``; or the database was restored or moved
        """
        if self.is_moved:
            raise SettingError(
                self.env._(
                    "This database was restored from a dump, or has moved, so it may "
                    "not know what was sent since. Open the Mailgun domain %s and say "
                    "whether to go on.",
                    self.name,
                )
            )
        return self._open_client()

    def _health_of_account(self):
        return [*self._health_of_database(), *super()._health_of_account()]

    def _health_of_database(self):
        """Tell that this database may not be the only one, or not the newest."""
        title, found = self.env._("Database"), []
        if self.is_moved:
            found.append(
                self.env._(
                    "It was restored from a dump, has moved, or is a full copy on "
                    "another server: nothing is sent until you say which."
                )
            )
        if self.unknown_sent_count:
            found.append(
                self.env._(
                    "Mailgun has taken %s copies of mail from it that it does not "
                    "remember: it is older than Mailgun's record, or another one with "
                    "its name sends as well.",
                    self.unknown_sent_count,
                )
            )
        if not found:
            return []
        remedy = self.env._(
            "Restored or moved: press Go On. It writes down what was sent since, as "
            "far as Mailgun's record reaches back, and sends the rest. A copy beside "
            "the original: press This Is a Copy."
        )
        level = "error" if self.is_moved else "warning"
        return [HealthLine(level, title, " ".join(found), remedy)]
