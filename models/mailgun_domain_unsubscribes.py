from odoo import fields, models

from ..tools.suppressions import UNSUBSCRIBES, Reading
from .blacklist_push import BlacklistPush


class MailgunDomain(models.Model):
    """The exception: a domain for newsletters alone takes Odoo's blacklist over."""

    _inherit = "mailgun.domain"

    is_marketing = fields.Boolean(
        "Newsletters Only",
        help="Who is on Odoo's blacklist is put on Mailgun's list of unsubscribes, and "
        "gets no mail at all from this domain: no invoice, no answer, no password. "
        "Only for a domain that sends nothing but newsletters. Once it is switched "
        "off, Odoo takes off that list again whom it has put there.",
    )

    def write(self, vals):
        new = self.browse()
        if vals.get("is_marketing"):
            new = self.filtered(lambda domain: not domain.is_marketing)
        result = super().write(vals)
        for domain in new:
            # Who is on Mailgun's list already is to be known before we add to it.
            readings = dict(domain.suppression_readings or {})
            reading = Reading.load(readings.get(UNSUBSCRIBES)).forgetful()
            readings[UNSUBSCRIBES] = reading.store()
            domain.suppression_readings = readings
        return result

    def _polls(self):
        return {**super()._polls(), "push": self._push_blacklist}

    def _lists_to_read(self):
        names = super()._lists_to_read()
        if self.is_marketing and UNSUBSCRIBES not in names:
            names.append(UNSUBSCRIBES)
        return names

    def _push_blacklist(self, has_time):
        """Go on taking the blacklist over; see ``_polls``."""
        reading = self._suppression_reading(UNSUBSCRIBES)
        if self.is_marketing and not (reading.since and not reading.left):
            return True
        return BlacklistPush(self).run(has_time)

    def _blacklist_suppressed(self, name, entries):
        if name != UNSUBSCRIBES:
            return super()._blacklist_suppressed(name, entries)
        unsubscribes = self.env["mailgun.unsubscribe"]
        ours = unsubscribes._ours_of(self, [entry.address for entry in entries])
        # What we have put there ourselves is no news.
        theirs = [entry for entry in entries if entry.address not in ours]
        if self.is_marketing:
            addresses = [entry.address for entry in theirs if entry.is_total]
            unsubscribes._note(self, addresses, is_ours=False)
        return super()._blacklist_suppressed(name, theirs)
