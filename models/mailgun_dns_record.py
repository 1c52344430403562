from odoo import api, fields, models


class MailgunDnsRecord(models.Model):
    """A record that Mailgun wants to see in the DNS of a domain."""

    _name = "mailgun.dns.record"
    _description = "Mailgun DNS Record"
    _order = "domain_id, purpose, kind, value"
    _rec_name = "name"

    domain_id = fields.Many2one(
        "mailgun.domain", required=True, readonly=True, ondelete="cascade", index=True
    )
    purpose = fields.Selection(
        [
            ("sending", "Sending"),
            ("receiving", "Receiving"),
            ("tracking", "Tracking of opens and clicks"),
        ],
        required=True,
        readonly=True,
    )
    kind = fields.Char("Type", readonly=True)
    name = fields.Char("Host Name", readonly=True)
    value = fields.Char(readonly=True)
    priority = fields.Char(readonly=True)
    state = fields.Selection(
        [("valid", "Found"), ("unknown", "Not found yet"), ("invalid", "Wrong")],
        required=True,
        readonly=True,
    )

    @api.model
    def _replace(self, domain, records):
        """Keep exactly the records that Mailgun asks for.

        :param domain: the ``mailgun.domain``
        :param records: of ``DnsRecord``
        """
        domain.dns_record_ids.sudo().unlink()
        known = dict(self._fields["state"].selection)
        self.sudo().create(
            [
                {
                    "domain_id": domain.id,
                    "purpose": record.purpose,
                    "kind": record.kind,
                    # Mailgun leaves the name out where it is the domain itself.
                    "name": record.name or domain.name,
                    "value": record.value,
                    "priority": record.priority,
                    "state": record.state if record.state in known else "unknown",
                }
                for record in records
            ]
        )
