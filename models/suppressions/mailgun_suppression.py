from datetime import datetime, timezone

from odoo import api, fields, models
from odoo.tools import SQL, format_date

from ...tools.api.suppressions import BOUNCES, COMPLAINTS, UNSUBSCRIBES


class MailgunSuppression(models.Model):
    """An address on one of Mailgun's lists, as far as Odoo knows the address.

    Being on a list is a fact about an address, not the fate of a mail: what arrived
    before stays arrived. So it is kept here and shown at the contact.
    """

    _name = "mailgun.suppression"
    _description = "Mailgun Suppression"
    _order = "since desc, id desc"
    _rec_name = "address"
    _log_access = False

    domain_id = fields.Many2one(
        "mailgun.domain", required=True, readonly=True, ondelete="cascade"
    )
    list_name = fields.Selection(
        [
            (BOUNCES, "Bounces"),
            (COMPLAINTS, "Complaints"),
            (UNSUBSCRIBES, "Unsubscribes"),
        ],
        "List",
        required=True,
        readonly=True,
    )
    address = fields.Char(required=True, readonly=True, index=True)
    since = fields.Datetime(readonly=True)
    reason = fields.Char(readonly=True)
    tags = fields.Char(
        readonly=True, help="Only mail with these tags is stopped; empty = all mail."
    )
    seen_at = fields.Datetime("Last Seen on the List", required=True, readonly=True)

    # This is the index on the domain, too.
    _address_unique = models.Constraint(
        "UNIQUE(domain_id, list_name, address)", "An address is on a list once."
    )

    # === KEEPING === #

    @api.model
    def _note(self, domain, name, entries):
        """Note that addresses are on a list of a domain.

        :param domain: the ``mailgun.domain``
        :param str name: of the list
        :param entries: ``Suppression`` objects, one for each address
        """
        if not entries:
            return
        now = fields.Datetime.now()
        values = SQL(", ").join(
            SQL(
                "%s",
                (
                    domain.id,
                    name,
                    entry.address,
                    _moment(entry.created_at),
                    entry.reason or None,
                    None if entry.is_total else ", ".join(entry.tags),
                    now,
                ),
            )
            for entry in {entry.address: entry for entry in entries}.values()
        )
        self.env.cr.execute(
            SQL(
                """INSERT INTO mailgun_suppression
                          (domain_id, list_name, address, since, reason, tags, seen_at)
                   VALUES %s
                       ON CONFLICT (domain_id, list_name, address) DO UPDATE
                      SET since = COALESCE(EXCLUDED.since, mailgun_suppression.since),
                          reason = COALESCE(EXCLUDED.reason,
                                            mailgun_suppression.reason),
                          tags = EXCLUDED.tags, seen_at = EXCLUDED.seen_at""",
                values,
            )
        )
        self.invalidate_model()

    @api.model
    def _see(self, domain, name, addresses):
        """Note that a list still holds addresses; who is not noted stays so."""
        self.env.cr.execute(
            """UPDATE mailgun_suppression SET seen_at = %s
                WHERE domain_id = %s AND list_name = %s AND address = ANY(%s)""",
            [fields.Datetime.now(), domain.id, name, list(addresses)],
        )

    @api.model
    def _forget_unseen(self, domain, name, began):
        """Forget who is no longer on a list that was read to its end.

        :param float began: when the reading began, seconds since 1970
        """
        self.env.cr.execute(
            """DELETE FROM mailgun_suppression
                WHERE domain_id = %s AND list_name = %s AND seen_at < %s""",
            [domain.id, name, _moment(began)],
        )

    @api.model
    def _forget(self, domain, address, names):
        """Forget an address that is not on these lists, or not any more."""
        self.search(
            [
                ("domain_id", "=", domain.id),
                ("address", "=", address),
                ("list_name", "in", list(names)),
            ]
        ).unlink()

    # === IN WORDS === #

    def _describe(self):
        """Return in a sentence what Mailgun does not deliver, since when and why."""
        self.ensure_one()
        because = {
            BOUNCES: self.env._("mail to it came back"),
            COMPLAINTS: self.env._("it has reported mail as spam"),
            UNSUBSCRIBES: self.env._("it has unsubscribed"),
        }[self.list_name]
        facts = {
            "address": self.address,
            "domain": self.domain_id.name,
            "since": format_date(self.env, self.since) if self.since else "?",
            "why": f"{because} ({self.reason})" if self.reason else because,
            "tags": self.tags,
        }
        if self.tags:
            return self.env._(
                "Mailgun delivers no mail with the tags %(tags)s to %(address)s from "
                "%(domain)s since %(since)s: %(why)s.",
                **facts,
            )
        return self.env._(
            "Mailgun delivers nothing to %(address)s from %(domain)s since %(since)s: "
            "%(why)s.",
            **facts,
        )


def _moment(seconds):
    if not seconds:
        return None
    moment = datetime.fromtimestamp(seconds, timezone.utc)
    return moment.replace(tzinfo=None, microsecond=0)
