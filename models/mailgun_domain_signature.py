from odoo import api, models

from ..tools.errors import InvalidSignature, MissingSigningKey, UnreadableKey
from . import secret_keys
from .signer import find_signers

# A sane account has a handful; the cap keeps an unauthenticated request cheap.
MAX_CANDIDATE_DOMAINS = 50

# The last signer by database and by what the request was addressed to.
_last_signers = {}


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
        :return: the ``Signer`` whose key made the signature
        :raise InvalidSignature: nobody here made it, or too long ago
        :raise MissingSigningKey: there is no key to check it with
        """
        signature.check_age(now)
        name = _domain_name(addressed)
        keys = {
            candidate: candidate.keys(self.env)
            for candidate in find_signers(self.env, name, MAX_CANDIDATE_DOMAINS)
        }
        # Every candidate is tried, so the time taken tells nothing about the domains.
        signers = [one for one in keys if signature.matches(keys[one])]
        meant = next((one for one in keys if one.is_called(name)), None)
        if signers and addressed is None:
            return signers[0]
        if meant in signers:
            _last_signers[self.env.cr.dbname, name] = meant
            return meant
        error = self._refusal_of(signature, name, meant, signers, keys)
        concerned = meant or next(iter(signers), None)
        if concerned:
            self.browse(concerned.id)._note_refusal(error)
        raise error

    @api.model
    def _recall_signer(self, signature, addressed, now):
        """Return the domain that signed the last request of that name, if this one too.

        Saves a query, and may be outdated: what is written on its word has to be
        written for ``UNCHANGED_ID`` of ``signer.py``.

        :param Signature signature: see ``_authenticate``
        :param str addressed: see ``_authenticate``
        :param float now: see ``_authenticate``
        :return: a ``Signer``, or None
        :raise InvalidSignature: made too long ago
        """
        signature.check_age(now)
        last = _last_signers.get((self.env.cr.dbname, _domain_name(addressed)))
        if not last:
            return None
        try:
            keys = last.keys(self.env, secret_keys.choose)
        except UnreadableKey:
            # Which is said, if it is still so, when the domain itself is looked at.
            return None
        return last if signature.matches(keys) else None

    def _refusal_of(self, signature, name, meant, signers, keys):
        """Return the error that says why a request is not believed."""
        if signers:
            return InvalidSignature(
                f"signed with the key of {signers[0].name}, but addressed to {name}, "
                "which is no domain here or has another key: enter it as a Mailgun "
                "domain, or point its route to where it belongs"
            )
        if not any(keys.values()) or (meant and not keys[meant]):
            return MissingSigningKey(
                "no webhook signing key is set for this domain: enter it in Settings > "
                "Technical > Email > Mailgun Domains"
            )
        if meant and self.browse(meant.id)._is_api_key_of(signature):
            return InvalidSignature(
                "signed with what is entered as API key: at Mailgun this account uses "
                "one key for both, so enter it as signing key too"
            )
        return InvalidSignature(
            "no signing key of this database fits: is it the HTTP webhook signing key, "
            "and not the API key?"
        )

    def _is_api_key_of(self, signature):
        return signature.matches([secret_keys.read_or_log(self, "api_key")])


def _domain_name(addressed):
    return (addressed or "").rpartition("@")[2].strip("> ").lower()
