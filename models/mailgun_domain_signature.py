from odoo import api, models
from odoo.tools.mail import email_domain_extract

from ..tools.errors import InvalidSignature, MissingSigningKey
from . import secret_keys

# A sane account has a handful; the cap keeps an unauthenticated request cheap.
MAX_CANDIDATE_DOMAINS = 50


class MailgunDomain(models.Model):
    """Who may post: which domain a signed request belongs to."""

    _inherit = "mailgun.domain"

    @api.model
    def _authenticate(self, signature, recipient, now):
        """Find the domain that a signed request belongs to.

        :param Signature signature: of the request
        :param recipient: the address that it says it is for; None when the request
            itself does not say, which any key of this database may then sign
        :param float now: seconds since 1970
        :return: the domain whose key made the signature
        :raise InvalidSignature: nobody here made it, or too long ago
        :raise MissingSigningKey: there is no key to check it with
        """
        signature.check_age(now)
        candidates = self.search([], limit=MAX_CANDIDATE_DOMAINS)
        keys = {domain: domain._signing_keys() for domain in candidates}
        # Every candidate is tried, so the time taken tells nothing about the domains.
        signers = [domain for domain in keys if signature.matches(keys[domain])]
        if signers and recipient is None:
            return signers[0]
        addressed = self._find_by_address(recipient)
        if addressed in signers:
            return addressed
        if signers:
            raise InvalidSignature(
                f"signed with the key of {signers[0].name}, but addressed to a domain "
                "that is none here or has another key"
            )
        if not any(keys.values()) or (addressed and not keys.get(addressed)):
            raise MissingSigningKey(
                "no webhook signing key is set for this domain: enter it in Settings > "
                "Technical > Email > Mailgun Domains"
            )
        raise InvalidSignature(
            "no signing key of this database fits: is it the HTTP webhook signing key, "
            "and not the API key?"
        )

    def _signing_keys(self):
        keys = (
            secret_keys.read_or_log(self, "webhook_signing_key"),
            secret_keys.read_or_log(self, "webhook_signing_key_previous"),
        )
        return [key for key in keys if key]

    @api.model
    def _find_by_address(self, address):
        """Return the domain that ``address`` is on, by its name or its alias domain."""
        name = email_domain_extract(address or "")
        if not name:
            return self.browse()
        return self.search(
            ["|", ("name", "=", name), ("alias_domain_id.name", "=", name)], limit=1
        )
