from email.message import EmailMessage

from odoo import api, fields, models
from odoo.tools import email_domain_extract, email_normalize

from ...tools.dmarc import alignment, look_up, policy_record, walk

ANYBODY = "customer@example.com"

# What there is to show once the domain has a name.
_SHOWN = (
    "preview_server_id",
    "preview_from",
    "preview_reply_to",
    "preview_return_path",
    "preview_alignment",
    "preview_policy",
    "preview_warning",
)


class MailgunDomain(models.Model):
    """What a customer will see: the addresses on a mail of the current user, who works
    for a company that uses the domain.

    Computed by core's own code (``_find_mail_server``, ``_prepare_email_message__``,
    ``_notify_get_reply_to``), so it cannot say something else than what is sent.
    """

    _inherit = "mailgun.domain"

    preview_server_id = fields.Many2one(
        "ir.mail_server", "Leaves by", compute="_compute_preview"
    )
    preview_from = fields.Char("From", compute="_compute_preview")
    preview_reply_to = fields.Char("Reply-To", compute="_compute_preview")
    preview_return_path = fields.Char("Return-Path", compute="_compute_preview")
    preview_alignment = fields.Selection(
        [
            ("strict", "Aligned: the sender is on the Mailgun domain itself"),
            ("relaxed", "Aligned, unless the sender's domain wants it strict"),
            ("exact", "Not aligned: the sender's domain wants it strict (adkim=s)"),
            ("unknown", "Aligned, if both domains belong to one organization"),
            ("none", "Not aligned: the sender is on another organization's domain"),
        ],
        "DMARC",
        compute="_compute_preview",
    )
    preview_policy = fields.Char("DMARC Record", compute="_compute_preview")
    # DMARC records by name, as the DNS had them at the last check; "" = there is none.
    dmarc_records = fields.Json(readonly=True, copy=False)
    preview_warning = fields.Char(compute="_compute_preview")

    @api.depends_context("uid", "company")
    @api.depends(
        "name",
        "company_id",
        "alias_domain_id.default_from_email",
        "alias_domain_id.company_ids",
        "dmarc_records",
        "mail_server_ids.from_filter",
        "mail_server_ids.active",
    )
    def _compute_preview(self):
        named = self.filtered("name")
        (self - named).update(dict.fromkeys(_SHOWN, False))
        for company, domains in named.grouped(
            lambda domain: domain._company_of_mail()
        ).items():
            domains._preview_for(company)

    def _company_of_mail(self):
        """Return whose mail is shown: the viewer's company's, if it uses the domain."""
        users = self.company_id or self.sudo().alias_domain_id.company_ids
        viewers = self.env.company
        return viewers if viewers in users or not users else users.sudo()[0]

    def _preview_for(self, company):
        """Show what a mail of the current user looks like that a company sends.

        :param company: the ``res.company``, which the user may have no access to
        """
        # Whoever may see the domain may see under which addresses it sends.
        env = self.env["res.company"].sudo().with_company(company).env
        author = env.user.email_formatted or company.email_formatted
        server, smtp_from = env["ir.mail_server"]._find_mail_server(author)
        server = server or env["ir.mail_server"]
        shown = _shown_from(server, author, smtp_from)
        reply_to = env["mail.thread"]._notify_get_reply_to(default=author)
        for domain in self:
            domain.preview_server_id = server
            domain.preview_from = shown
            domain.preview_reply_to = reply_to.get(False)
            domain.preview_return_path = f"bounce+…@{domain.name}"
            domain.preview_alignment = domain._alignment(shown)
            domain.preview_policy = domain._dmarc_policy(shown)
            domain.preview_warning = domain._preview_warning(server, shown, company)

    # === DMARC === #

    def _alignment(self, address):
        """Compare a From with the domain that signs (RFC 9989, 4.4).

        :param str address: with or without a name
        """
        sender = _domain_of(address)
        records = (self.dmarc_records or {}).get
        found = alignment(sender, self.name or "", records)
        if found in ("relaxed", "unknown"):
            _name, tags = policy_record(sender, records)
            return "exact" if tags.get("adkim") == "s" else found
        return found

    def _dmarc_policy(self, address):
        """Say what the sender's domain asks of receivers, as far as it is known.

        :param str address: with or without a name
        """
        records = (self.dmarc_records or {}).get
        name, tags = policy_record(_domain_of(address), records)
        if name:
            policies = {
                "none": self.env._("to do nothing about it"),
                "quarantine": self.env._("to treat it as spam"),
                "reject": self.env._("to refuse it"),
            }
            return self.env._(
                "%(name)s asks about mail that is not aligned %(policy)s.",
                name=name,
                policy=policies.get(tags.get("p"), policies["none"]),
            )
        if any(records(one) is None for one in walk(_domain_of(address))):
            return self.env._(
                "No record was looked at. Press Check DNS; the Python package "
                "dnspython has to be installed."
            )
        return self.env._(
            "There is none, so receivers decide by themselves. Some want one."
        )

    def _look_at_dmarc(self):
        """Ask the DNS for the records that speak for the present sender."""
        sender = _domain_of(self.preview_from or "")
        names = [*walk(self.name or ""), *(walk(sender) if sender else ())]
        self.dmarc_records = look_up(names) or False

    def _preview_warning(self, server, shown, company):
        """Say what is odd about the sender; False when nothing is."""
        if not self.mail_server_ids:
            return self.env._("No outgoing mail server uses this domain yet.")
        # In a form this is a copy of the record that is being changed.
        if server.mailgun_domain_id != self._origin:
            return self.env._(
                "Your mails for %(company)s do not leave through this domain but by "
                "“%(server)s”: its From Filter fits %(sender)s better. Change the From "
                "Filter of one of the two, or the company's Email Domain, if that is "
                "not meant.",
                company=company.name,
                server=server.name or self.env._("the server in odoo.conf"),
                sender=shown,
            )
        default_from = company.default_from_email
        if default_from and not server._match_from_filter(
            default_from, server.from_filter
        ):
            return self.env._(
                "The default sender %(address)s of %(company)s is not covered by the "
                "From Filter of “%(server)s” (%(filter)s): Odoo then falls back on any "
                "server. Add its domain to the From Filter, or choose the Email Domain "
                "%(domain)s for the company.",
                address=default_from,
                company=company.name,
                server=server.name,
                filter=server.from_filter,
                domain=self.name,
            )
        return False


def _domain_of(address):
    return email_domain_extract(email_normalize(address) or "") or ""


def _shown_from(server, author, smtp_from):
    """Return the From that core would write for a mail of ``author``."""
    if not author:
        return ""
    message = EmailMessage()
    message["From"], message["To"] = author, ANYBODY
    session = server._preview_session(smtp_from)
    server._prepare_email_message__(message, session)
    return str(message["From"])
