import ipaddress
import re

from odoo import api, fields, models
from odoo.exceptions import ValidationError
from odoo.tools import email_normalize

from ...const import INBOUND_POLICIES
from ...tools.addresses import DOMAIN_NAME
from ...tools.mime.verdicts import domain_of
from ..domain.alarms import Trouble
from ..domain.health import LATE, MAX_REASONS, HealthLine, first_line


class MailgunDomain(models.Model):
    """What becomes of mail that is spam, or whose sender is not proven."""

    _inherit = "mailgun.domain"

    spam_policy = fields.Selection(
        INBOUND_POLICIES,
        "Spam",
        required=True,
        default="mark",
        help="What to do with mail that Mailgun takes for spam.",
    )
    impersonation_policy = fields.Selection(
        INBOUND_POLICIES,
        "Sender Not Proven",
        required=True,
        default="mark",
        help="What to do with mail that says it comes from a colleague or from one of "
        "our own domains, while neither SPF nor DKIM agrees.",
    )
    trusted_forwarders = fields.Text(
        help="Who may forward mail of colleagues to us, one in a line: the mailbox "
        "(info@yourcompany.com) or the domain that the forwarding server names as "
        "envelope sender, which SPF must confirm; or the server's IP address.",
    )

    answer_unknown = fields.Boolean(
        "Answer Unknown Addresses",
        help="Tell senders that an address does not exist: once a day each, and only "
        "those that SPF or DKIM proves.",
    )

    keep_reader_details = fields.Boolean(
        help="Keep the IP address, the place, the browser and the system of whoever "
        "opens a mail or clicks in it. Without it only the kind of device is kept, and "
        "whether it was a program. Events that came before are not changed.",
    )

    def _forget_original(self):
        # What came in so far is the original's.
        servers = self.with_context(active_test=False).incoming_server_ids
        servers.mailgun_cursor = fields.Datetime.now()
        return super()._forget_original()

    @api.constrains("trusted_forwarders")
    def _check_trusted_forwarders(self):
        for domain in self:
            for name in domain._trusted_forwarders():
                if not (
                    _is_address(name) or DOMAIN_NAME.fullmatch(name) or _is_ip(name)
                ):
                    raise ValidationError(
                        self.env._(
                            "“%s” is no trusted forwarder. Enter a mailbox "
                            "(info@yourcompany.com), a domain (yourcompany.com) or an "
                            "IP address, one in a line.",
                            name,
                        )
                    )

    def _trusted_forwarders(self):
        """Return who may forward to us: addresses, domains, IP addresses.

        :rtype: set[str]
        """
        names = re.split(r"[\s,;]+", (self.trusted_forwarders or "").lower())
        return {name.removeprefix("@") for name in names} - {""}

    @api.model
    def _find_own_address(self, addresses):
        """Return the first address that is a colleague's or on a domain of ours.

        :param list addresses: normalized
        :return: the address, or None
        """
        users = self.env["res.users"].search(
            [
                ("share", "=", False),
                ("partner_id.email_normalized", "in", addresses),
            ]
        )
        own = set(users.partner_id.mapped("email_normalized"))
        names = self._own_names()
        return next(
            (
                address
                for address in addresses
                if address in own or domain_of(address) in names
            ),
            None,
        )

    @api.model
    def _own_names(self):
        """Return the names of all domains that this database sends or receives for."""
        domains = self.search([])
        parents = domains.filtered("send_as_parent").mapped("parent_name")
        aliases = self.env["mail.alias.domain"].search([])
        return {*domains.mapped("name"), *parents, *aliases.mapped("name")}

    # === FILES THAT CAN HARM === #

    attachment_policy = fields.Selection(
        [
            ("leave", "Leave them"),
            ("mark", "Mark them with a notice"),
            ("hold", "Hold them back until released"),
        ],
        "Dangerous Files",
        required=True,
        default="mark",
        help="Programs, scripts, documents with macros, and files that pretend to be "
        "something else. The mail itself always arrives at once.",
    )

    # === ALARM === #

    def _troubles(self):
        waiting = [("domain_id", "=", self.id), ("state", "=", "pending")]
        journal = self.env["mailgun.inbound.email"]
        oldest = journal.search(waiting, order="create_date", limit=1).create_date
        line = next(iter(self._health_of_waiting()), None)
        if not line or fields.Datetime.now() - oldest <= LATE:
            return super()._troubles()
        told = Trouble("waiting_in", line.text, line.remedy, since=oldest)
        return [*super()._troubles(), told]

    # === HEALTH === #

    def _health_of_traffic(self):
        return [
            *super()._health_of_traffic(),
            *self._health_of_waiting(),
            *self._health_of_failures(),
            *self._health_of_held_files(),
        ]

    def _health_of_waiting(self):
        waiting = [("domain_id", "=", self.id), ("state", "=", "pending")]
        journal = self.env["mailgun.inbound.email"]
        oldest = journal.search(waiting, order="create_date", limit=1)
        if not oldest:
            return []
        late = fields.Datetime.now() - oldest.create_date > LATE
        text = self.env._(
            "%(count)s mails, the oldest since %(when)s.",
            count=journal.search_count(waiting),
            when=self._when(oldest.create_date),
        )
        remedy = self.env._(
            "Look at the reason in Mailgun Inbound Emails, and whether the scheduled "
            "action “Mailgun: route waiting mail” is active."
        )
        return [
            HealthLine(
                "error" if late else "info",
                self.env._("Queued emails"),
                text,
                remedy if late else "",
            )
        ]

    def _health_of_failures(self):
        """Return a line for each reason, the most frequent first."""
        journal = self.env["mailgun.inbound.email"]
        groups = journal._read_group(
            [("domain_id", "=", self.id), ("state", "in", ["failed", "held"])],
            ["state", "error"],
            ["__count"],
            order="__count desc",
            limit=MAX_REASONS,
        )
        words = {
            "failed": (
                self.env._("Failed emails"),
                self.env._(
                    "Open Mailgun Inbound Emails, repair the reason, press Retry."
                ),
            ),
            "held": (
                self.env._("Held emails"),
                self.env._("Open Mailgun Inbound Emails and press Release or Discard."),
            ),
        }
        return [
            HealthLine(
                "warning",
                words[state][0],
                f"{count} × {first_line(error)}",
                words[state][1],
            )
            for state, error, count in groups
        ]

    def _health_of_held_files(self):
        """Return a line when files wait for an administrator."""
        count = self.env["mailgun.held.attachment"].search_count(
            [("inbound_email_id.domain_id", "=", self.id), ("state", "=", "waiting")]
        )
        if not count:
            return []
        return [
            HealthLine(
                "warning",
                self.env._("Held files"),
                self.env._("%s files were taken out of their mails.", count),
                self.env._(
                    "Open Mailgun Inbound Emails, filter by “Files held back”, and "
                    "release or discard them."
                ),
            )
        ]


def _is_address(name):
    return "@" in name and bool(email_normalize(name))


def _is_ip(name):
    try:
        return bool(ipaddress.ip_address(name))
    except ValueError:
        return False
