"""A domain as far as it matters to who posts: its names, and its signing keys."""

from dataclasses import dataclass

from . import secret_keys

# All that a post needs, in one query: a record would read the whole domain. The one
# that is addressed comes first, so that the limit never leaves it out.
_FIND = """
   SELECT domain.id, domain.name, alias_domain.name, domain.webhook_signing_key_closed,
          domain.webhook_signing_key_previous_closed, domain.keep_reader_details
     FROM mailgun_domain AS domain
LEFT JOIN mail_alias_domain AS alias_domain ON alias_domain.id = domain.alias_domain_id
    WHERE domain.active
 ORDER BY domain.name = %s DESC, alias_domain.name = %s DESC NULLS LAST, domain.name
    LIMIT %s
"""

# The id of a domain, or NULL when it is not as a signer has it any more.
UNCHANGED_ID = """
    (SELECT id FROM mailgun_domain
      WHERE id = %(signer_id)s AND name = %(signer_name)s AND active
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
    """

    id: int
    name: str
    alias_name: str | None
    key: str | None
    previous_key: str | None
    keep_reader_details: bool | None

    def is_called(self, name):
        """Tell whether a request to ``name`` means this domain."""
        return bool(name) and name in (self.name, self.alias_name)

    def keys(self, env, read=secret_keys.choose_or_log):
        """Return the keys that Mailgun may sign with, in clear.

        :param read: what gets a key, as ``secret_keys.choose`` does
        :rtype: list[str]
        """
        stored = {
            "webhook_signing_key": self.key,
            "webhook_signing_key_previous": self.previous_key,
        }
        keys = (read(env, self.name, name, key) for name, key in stored.items())
        return [key for key in keys if key]

    def as_parameters(self):
        """Return the parameters of ``UNCHANGED_ID``."""
        return {
            "signer_id": self.id,
            "signer_name": self.name,
            "signer_key": self.key,
            "signer_previous_key": self.previous_key,
            "signer_keep": self.keep_reader_details,
        }


def find_signers(env, name, limit):
    """Return the domains that may have signed a request, the addressed one first.

    :param str name: that the request is addressed to, or ""
    :param int limit: how many
    :rtype: list[Signer]
    """
    env.flush_all()
    env.cr.execute(_FIND, [name, name, limit])
    return [Signer(*row) for row in env.cr.fetchall()]
