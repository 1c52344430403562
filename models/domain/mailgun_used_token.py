"""Each signature is good for one post, whatever the post says and wherever it goes.

Mailgun signs a timestamp and a token, not what it posts. So whoever has seen a
signature could put anything beneath it; that its token is used up is all that keeps him
from it. Mailgun makes a token for each post, and posts a mail once for each recipient;
a post that was not taken comes again with the same.
"""

import hashlib
from datetime import timedelta

from odoo import api, fields, models

from ...const import SIGNATURE_MAX_AGE, SIGNATURE_MAX_AHEAD
from ...tools.errors import InvalidSignature
from ..transactions.own_cursor import committed
from ..transactions.retention import remove_before

# Longer than any signature is believed.
_KEPT = timedelta(seconds=2 * (SIGNATURE_MAX_AGE + SIGNATURE_MAX_AHEAD))

# Spends %(token)s on %(use)s; for a statement that writes what was posted. Names no row
# when it is spent already. In the post's own statement it costs no journey of its own.
USE_TOKEN = """
INSERT INTO mailgun_used_token (token, use, used_at)
     VALUES (%(token)s, %(use)s, timezone('UTC', now()))
ON CONFLICT DO NOTHING
  RETURNING id
"""


def use_of(*names):
    """Return the name of what a token is used for.

    :param str names: what tells this post from others
    :rtype: str
    """
    return hashlib.sha256("\0".join(names).encode("utf-8", "replace")).hexdigest()[:32]


class MailgunUsedToken(models.Model):
    """The tokens of signatures that brought something in."""

    _name = "mailgun.used.token"
    _description = "Used Token of Mailgun"
    _rec_name = "token"
    _log_access = False

    token = fields.Char(required=True, readonly=True)
    use = fields.Char(readonly=True, help="What it brought in, as a checksum.")
    used_at = fields.Datetime(required=True, readonly=True)

    _token_unique = models.Constraint("UNIQUE(token)", "A token is used only once.")
    _by_age = models.Index("(used_at)")

    @api.model
    def _use(self, token, use):
        """Spend a token, in the transaction that writes what was posted.

        :param str token: of the signature
        :param str use: see ``use_of``
        :return: False when it was spent on the same before
        :rtype: bool
        :raise InvalidSignature: it was spent on something else
        :raise psycopg2.errors.SerializationFailure: that came after our snapshot
        """
        self.env.cr.execute(
            USE_TOKEN, {"token": token, "use": use}, log_exceptions=False
        )
        if self.env.cr.rowcount:
            return True
        self._check_same(token, use)
        return False

    @api.model
    def _spend(self, token):
        """Spend the token of a post that was refused, and commit.

        :param str token: of the signature
        :raise InvalidSignature: it was spent on something that was taken
        """
        use = use_of("refused")
        committed(self.env.registry, lambda env: env[self._name]._use(token, use))

    @api.model
    def _check_same(self, token, use):
        """See to it that a spent token was not spent on something else.

        :raise InvalidSignature: it was
        """
        self.env.cr.execute(
            "SELECT use FROM mailgun_used_token WHERE token = %s", [token]
        )
        # What came before the update says nothing about its use.
        if any(found not in (use, None) for (found,) in self.env.cr.fetchall()):
            raise InvalidSignature(
                "this signature came with another post before, and is good for one"
            )

    @api.autovacuum
    def _gc_tokens(self):
        """Forget tokens whose signatures are too old to be believed."""
        return remove_before(self, "used_at", fields.Datetime.now() - _KEPT)
