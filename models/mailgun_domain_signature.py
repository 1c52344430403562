from odoo import api, models

from ..tools.errors import InvalidSignature, MissingSigningKey
from . import secret_keys

# A sane account has a handful; the cap keeps an unauthenticated request cheap.
MAX_CANDIDATE_DOMAINS = 50


class MailgunDomain(models.Model):
    """Who may post: which domain a signed request belongs to."""

    _inherit = "mailgun.domain"

    @api.model
    def _authenticate(self, signature, addressed, now):
        """Find the domain that a signed request belongs to.

        :param Signature signature: of the request
        :param str addressed: the address or domain that it says it is for; None when
            it does not say, which any key of this database may then sign
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
        meant = self._find_by_address(addressed) if addressed is not None else None
        if signers and meant is None:
            return signers[0]
        if meant in signers:
            return meant
        error = self._refusal_of(signature, addressed, meant, signers, keys)
        concerned = meant or (signers[0] if signers else self.browse())
        concerned._note_refusal(error)
        raise error

    def _refusal_of(self, signature, addressed, meant, signers, keys):
        """Return the error that says why a request is not believed."""
        if signers:
            name = (addressed or "").rpartition("@")[2]
            return InvalidSignature(
                f"signed with the key of {signers[0].name}, but addressed to {name}, "
                "which is no domain here or has another key: enter it as a Mailgun "
                "domain, or point its route to where it belongs"
            )
        if not any(keys.values()) or (meant and not keys.get(meant)):
            return MissingSigningKey(
                "no webhook signing key is set for this domain: enter it in Settings > "
                "Technical > Email > Mailgun Domains"
            )
        if meant and signature.matches([secret_keys.read_or_log(meant, "api_key")]):
            return InvalidSignature(
                "signed with what is entered as API key: at Mailgun this account uses "
                "one key for both, so enter it as signing key too"
            )
        return InvalidSignature(
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
        """Return the domain that an address is on, by its name or its alias domain.

        :param str address: or the name of a domain itself
        """
        name = address.rpartition("@")[2].strip("> ").lower()
        if not name:
            return self.browse()
        return self.search(
            ["|", ("name", "=", name), ("alias_domain_id.name", "=", name)], limit=1
        )
