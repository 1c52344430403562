from datetime import timezone
from functools import partial

from odoo import api, fields, models
from odoo.tools import email_normalize

from ...tools.api.suppressions import BOUNCES, COMPLAINTS, LISTS, UNSUBSCRIBES, Reading
from ..domain.health import HealthLine
from ..transactions.own_cursor import own_cursor
from .lists import BlacklistPush, SuppressionPull

# Which switch of the domain says that a list counts for Odoo's blacklist.
_BLACKLISTING = {
    COMPLAINTS: "blacklist_complained",
    UNSUBSCRIBES: "blacklist_unsubscribed",
}

# Switches with which everybody on a list is news.
_BEGINS_ANEW = {
    "is_marketing": UNSUBSCRIBES,
    **{switch: name for name, switch in _BLACKLISTING.items()},
}


class MailgunDomain(models.Model):
    """Takes over whom Mailgun delivers nothing to any more.

    Pulled and never pushed: Odoo's blacklist stops newsletters only, while Mailgun's
    lists stop every mail to an address. So who is on the one because he wants no
    newsletters must not get onto the other, or he gets no invoices either.
    """

    _inherit = "mailgun.domain"

    # How far each list was read, see ``tools.suppressions.Reading``.
    suppression_readings = fields.Json(readonly=True, copy=False)

    def _polls(self):
        return {
            **super()._polls(),
            **{name: partial(self._poll_list, name) for name in LISTS},
            "push": self._push_blacklist,
        }

    def _suppression_reading(self, name):
        """Return how far a list is read."""
        stored = self._read_alone("suppression_readings") or {}
        return Reading.load(stored.get(name))

    def _poll_list(self, name, has_time):
        return SuppressionPull(self, name).run(has_time)

    # === TAKING OVER === #

    def _concerned(self, entries):
        """Return the entries of a list whose addresses Odoo knows.

        That is, they belong to a contact, or were ever written to.

        :param entries: ``Suppression`` objects
        """
        if not entries:
            return []
        addresses = [entry.address for entry in entries]
        with own_cursor(self.env.registry) as env:
            known = env["mailgun.domain"]._known_addresses(addresses)
        return [entry for entry in entries if entry.address in known]

    @api.model
    def _known_addresses(self, addresses):
        deliveries = self.env["mailgun.delivery"]
        groups = deliveries._read_group([("recipient", "in", addresses)], ["recipient"])
        known = {address for (address,) in groups}
        listed = self.env["ir.model"].search([("is_mail_blacklist", "=", True)])
        for name in listed.mapped("model"):
            model = self.env.get(name)
            unknown = [address for address in addresses if address not in known]
            if model is None or model._abstract or not unknown:
                continue
            records = model.with_context(active_test=False).search(
                [("email_normalized", "in", unknown)]
            )
            known.update(records.mapped("email_normalized"))
        return known

    def _take_suppressions(self, name, entries):
        """Act on new entries of a list.

        :param str name: of the list
        :param entries: ``Suppression`` of addresses that Odoo knows
        :return: those that have to wait for another run
        """
        self.env["mailgun.suppression"]._note(self, name, entries)
        if name == BOUNCES:
            return self.env["mailgun.delivery"]._suppress(self, entries)
        if name == UNSUBSCRIBES:
            entries = self._not_ours(entries)
        self._blacklist_suppressed(name, entries)
        return []

    def _blacklist_suppressed(self, name, entries):
        """Put addresses on Odoo's list of who gets no newsletters.

        Whom somebody took off that list after Mailgun had him on its own stays off. Who
        has unsubscribed from single tags only gets other newsletters still.
        """
        if not self[_BLACKLISTING[name]]:
            return
        blacklist = self.env["mail.blacklist"].with_context(active_test=False)
        addresses = [entry.address for entry in entries]
        rows = blacklist.search([("email", "in", addresses)])
        present = {row.email: row for row in rows}
        for entry in entries:
            if entry.is_total and email_normalize(entry.address):
                row = present.get(entry.address)
                if not row or not (row.active or _is_older(entry, row)):
                    blacklist._add(entry.address, message=self._blacklist_reason(name))

    def _blacklist_reason(self, name):
        if name == COMPLAINTS:
            return self.env._(
                "Reported a mail from %s as spam, as Mailgun's list tells.", self.name
            )
        return self.env._(
            "Unsubscribed from mail from %s, as Mailgun's list tells.", self.name
        )

    # === HEALTH === #

    def _health_of_traffic(self):
        return [*super()._health_of_traffic(), *self._health_of_suppressions()]

    def _health_of_suppressions(self):
        """Return a line when Mailgun's lists are not read, and why."""
        if self.key_kind == "sending":
            level = "info"
            text = self.env._("A sending key may not read Mailgun's lists.")
        elif self.poll_trouble and not self.check_trouble:
            level, text = "warning", self.poll_trouble
        else:
            return []
        return [
            HealthLine(
                level,
                self.env._("Suppressions"),
                text,
                self.env._(
                    "That Mailgun has stopped delivering to an address shows only when "
                    "the next mail to it fails, and events that no webhook told are "
                    "not made up for."
                ),
            )
        ]

    # === NEWSLETTERS ONLY: the exception, which takes Odoo's blacklist over === #

    is_marketing = fields.Boolean(
        "Newsletter Domain",
        help="Who is on Odoo's blacklist is put on Mailgun's list of unsubscribes, and "
        "gets no mail at all from this domain: no invoice, no answer, no password. "
        "Only for a domain that sends nothing but newsletters. Once it is switched "
        "off, Odoo takes off that list again whom it has put there.",
    )

    def write(self, vals):
        new = {
            name: self.filtered(lambda domain, name=name: not domain[name])
            for name in _BEGINS_ANEW
            if vals.get(name)
        }
        result = super().write(vals)
        for name, domains in new.items():
            for domain in domains:
                # Who is on the list already counts, too: for Odoo's blacklist, and
                # before we add to it.
                readings = dict(domain.suppression_readings or {})
                reading = Reading.load(readings.get(_BEGINS_ANEW[name])).forgetful()
                readings[_BEGINS_ANEW[name]] = reading.store()
                domain.suppression_readings = readings
        return result

    def _forget_original(self):
        # What the original has put on Mailgun's lists, it alone takes off again.
        self.is_marketing = False
        pushed = self.env["mailgun.unsubscribe"].sudo()
        pushed.search([("domain_id", "in", self.ids)]).unlink()
        return super()._forget_original()

    def _not_ours(self, entries):
        """Return the unsubscribes that we have not put there, which alone are news."""
        unsubscribes = self.env["mailgun.unsubscribe"]
        ours = unsubscribes._ours_of(self, [entry.address for entry in entries])
        theirs = [entry for entry in entries if entry.address not in ours]
        if self.is_marketing:
            addresses = [entry.address for entry in theirs if entry.is_total]
            unsubscribes._note(self, addresses, is_ours=False)
        return theirs

    def _push_blacklist(self, has_time):
        """Go on taking the blacklist over; see ``_polls``."""
        reading = self._suppression_reading(UNSUBSCRIBES)
        if self.is_marketing and not (reading.since and not reading.left):
            return True
        return BlacklistPush(self).run(has_time)


def _is_older(entry, row):
    """Tell whether a blacklist entry was changed after an address was suppressed."""
    return entry.created_at < row.write_date.replace(tzinfo=timezone.utc).timestamp()
