"""A domain as far as it matters to who posts: its names, and its signing keys."""

import logging
from dataclasses import dataclass

from odoo import api, models
from odoo.tools import ormcache

from ...tools.addresses import domain_name
from ...tools.errors import (
    InvalidSignature,
    MissingSigningKey,
    SettingError,
    UnusedDomain,
)
from . import keys as secret_keys

_logger = logging.getLogger(__name__)

# A sane account has a handful; the cap keeps an unauthenticated request cheap.
MAX_CANDIDATE_DOMAINS = 50

# What a signer is made of; nothing else of a domain matters here.
_OF_SIGNERS = {
    "name",
    "active",
    "alias_domain_id",
    "webhook_signing_key_closed",
    "webhook_signing_key_previous_closed",
    "keep_reader_details",
    "state",
    "database_uuid",
    "database_name",
}

# All that a post needs, in one query: a record would read the whole domain. Those that
# are addressed come first, so that the limit never leaves them out.
_FIND = """
   SELECT domain.id, domain.name, alias_domain.name, domain.webhook_signing_key_closed,
          domain.webhook_signing_key_previous_closed, domain.keep_reader_details,
          domain.state = 'ready'
             AND (domain.database_uuid, domain.database_name) IS NOT DISTINCT FROM
                 (%s, %s)
     FROM mailgun_domain AS domain
LEFT JOIN mail_alias_domain AS alias_domain ON alias_domain.id = domain.alias_domain_id
    WHERE domain.active
 ORDER BY domain.name = ANY(%s) DESC,
          alias_domain.name = ANY(%s) DESC NULLS LAST,
          domain.name
    LIMIT %s
"""

# The id of a domain, or NULL when it is not as a signer has it any more.
UNCHANGED_ID = """
    (SELECT id FROM mailgun_domain
      WHERE id = %(signer_id)s AND name = %(signer_name)s AND active
        AND state = 'ready'
        AND webhook_signing_key_closed IS NOT DISTINCT FROM %(signer_key)s
        AND webhook_signing_key_previous_closed
            IS NOT DISTINCT FROM %(signer_previous_key)s
        AND keep_reader_details IS NOT DISTINCT FROM %(signer_keep)s)
"""


@dataclass(frozen=True)
class Signer:
    """One of the domains that may have signed a request; holds no key in clear.

    :param id: of the ``mailgun.domain``
    :param alias_name: of its alias domain, or None
    :param key: the stored key, or None
    :param previous_key: the stored one before it, or None
    :param keep_reader_details: the domain's field
    :param is_in_use: confirmed, and in this very database
    """

    id: int
    name: str
    alias_name: str | None
    key: str | None
    previous_key: str | None
    keep_reader_details: bool | None
    is_in_use: bool

    def is_called(self, name):
        """Tell whether a request to ``name`` means this domain.

        :param str name: as it stands in DNS
        """
        return name in (self.name, domain_name(self.alias_name or self.name))

    def keys(self, env):
        """Return what is known of the keys that Mailgun may sign with.

        :rtype: list[secret_keys.Key]
        """
        stored = {
            "webhook_signing_key": self.key,
            "webhook_signing_key_previous": self.previous_key,
        }
        return [
            secret_keys.find(env, self.name, name, key) for name, key in stored.items()
        ]

    def as_parameters(self):
        """Return the parameters of ``UNCHANGED_ID``."""
        return {
            "signer_id": self.id,
            "signer_name": self.name,
            "signer_key": self.key,
            "signer_previous_key": self.previous_key,
            "signer_keep": self.keep_reader_details,
        }


def find_signers(env, names, limit):
    """Return the domains that may have signed a request, the addressed ones first.

    :param names: that the request is addressed to
    :param int limit: how many
    :rtype: list[Signer]
    """
    env.flush_all()
    here = env["mailgun.domain"]._database_identity()
    env.cr.execute(_FIND, [*here, list(names), list(names), limit])
    return [Signer(*row) for row in env.cr.fetchall()]


class MailgunDomain(models.Model):
    """Who may post: which domain a signed request belongs to."""

    _inherit = "mailgun.domain"

    @api.model
    def _authenticate(self, signature, names, of_account=False):
        """Find the domains that a signed request belongs to.

        The key of one domain says nothing about mail for another. A request for
        several is believed for those that it signs for, and the rest is named.

        :param Signature signature: of the request, not too old
        :param set names: the domains that it says it is for, as they stand in DNS; none
            when it does not say, which any key of this database may then sign
        :param bool of_account: it may be about a domain that only the account has
        :return: the ``Signer`` of each name that the key is good for; of "" where there
            are no names, or none of this database
        :rtype: dict[str, Signer]
        :raise InvalidSignature: nobody here made it
        :raise MissingSigningKey: there is no key to check it with
        :raise UnusedDomain: the domain is disconnected, or this database is a copy
        """
        keys = {
            candidate: candidate.keys(self.env)
            for candidate in find_signers(self.env, names, MAX_CANDIDATE_DOMAINS)
        }
        # Every candidate is tried, so the time taken tells nothing about the domains.
        signers = [one for one in keys if signature.matches(_secrets(keys[one]))]
        in_use = [one for one in signers if one.is_in_use]
        is_known = any(map(names.__contains__, _names_of(keys)))
        if in_use and (not names or (of_account and not is_known)):
            return {"": in_use[0]}
        found = {
            name: signer
            for name in names
            if (signer := next((one for one in in_use if one.is_called(name)), None))
        }
        if not found or found.keys() != names:
            error = self._refusal_of(signature, names - found.keys(), signers, keys)
            if not found:
                raise error
            _logger.warning("A post was taken in part: %s", error)
            self.browse(error.domain_id)._note_refusal(error)
        return found

    @api.model
    def _recall_signer(self, signature, names):
        """Return the domain that a request is for, if it signed it.

        Saves a query, and may be outdated, since another server's memory is told a
        moment later: what is written on its word has to be written for
        ``UNCHANGED_ID``.

        :param Signature signature: see ``_authenticate``
        :param set names: see ``_authenticate``
        :return: a ``Signer``, or None
        """
        if len(names) != 1:
            return None
        try:
            signer = self._signer_called(*names)
        except LookupError:
            return None
        return signer if signature.matches(_secrets(signer.keys(self.env))) else None

    @api.model
    @ormcache("name")
    def _signer_called(self, name):
        """Return the ``Signer`` of a name.

        :raise LookupError: there is none in use; what strangers ask for is not
            remembered
        """
        (signer,) = find_signers(self.env, [name], 1) or [None]
        if not (signer and signer.is_in_use and signer.is_called(name)):
            raise LookupError(name)
        return signer

    def write(self, vals):
        if not _OF_SIGNERS.isdisjoint(vals):
            self.env.registry.clear_cache()
        return super().write(vals)

    def _refusal_of(self, signature, names, signers, keys):
        """Return why a request is not believed, with the domain that shall tell of it.

        :param names: that the request is addressed to and not good for
        """
        meant = next((one for one in keys if any(map(one.is_called, names))), None)
        error = self._reason_of(signature, names, meant, signers, keys)
        concerned = meant or next(iter(signers), None)
        error.domain_id = concerned and concerned.id
        return error

    def _reason_of(self, signature, names, meant, signers, keys):
        if meant in signers or (signers and not names):
            return self._unused(meant or signers[0])
        if signers:
            return InvalidSignature(
                f"signed with the key of {signers[0].name}, but addressed to "
                f"{', '.join(sorted(names)[:3])}, which is no domain here or has "
                "another key: enter it as a Mailgun domain, or point its route to "
                "where it belongs"
            )
        asked = keys.get(meant) or sum(keys.values(), [])
        if not _secrets(asked):
            return _missing(asked)
        if meant and self.browse(meant.id)._is_api_key_of(signature):
            return InvalidSignature(
                "signed with what is entered as API key: at Mailgun this account uses "
                "one key for both, so enter it as signing key too"
            )
        return InvalidSignature(
            "no signing key of this database fits: is it the HTTP webhook signing key, "
            "and not the API key?"
        )

    def _unused(self, signer):
        """Return the error that says why a domain takes nothing.

        Whether it was disconnected, or is that of a copy: what Mailgun brings waits
        there until somebody says that it belongs here.
        """
        try:
            self.browse(signer.id)._check_usable()
        except SettingError as error:
            return UnusedDomain(error.sentence)
        # Somebody has confirmed it in this moment, and Mailgun comes again.
        return UnusedDomain(f"the domain {signer.name} was not in use")

    def _is_api_key_of(self, signature):
        return signature.matches(_secrets([self._key("api_key")]))


def _names_of(signers):
    return {name for one in signers for name in (one.name, one.alias_name)}


def _secrets(keys):
    return [key.secret for key in keys if key.secret]


def _missing(keys):
    """Return the error that says why none of some keys can be used."""
    trouble = next((key.trouble for key in keys if key.trouble), None)
    if trouble:
        return MissingSigningKey(
            f"the webhook signing key of this domain cannot be used. {trouble}"
        )
    return MissingSigningKey(
        "no webhook signing key is set for this domain: enter it in Settings > "
        "Technical > Email > Mailgun Domains"
    )
