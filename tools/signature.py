"""Mailgun's signature: HMAC-SHA256 over timestamp and token, nothing else.

Source: https://documentation.mailgun.com/docs/mailgun/user-manual/webhooks/securing-webhooks
The body is *not* signed, so a signature proves who posts, not what is posted; HTTPS and
the uniqueness of the token have to do the rest.
"""

import hashlib
import hmac
import re
from collections.abc import Iterable
from dataclasses import dataclass

from ..const import SIGNATURE_MAX_AGE, SIGNATURE_MAX_AHEAD
from .errors import InvalidSignature
from .sentence import Sentence as _lt

_TIMESTAMP = re.compile(r"[0-9]{1,12}", re.ASCII)
_TOKEN = re.compile(r"[\x21-\x7e]{1,128}")
_SIGNATURE = re.compile(r"[0-9a-fA-F]{64}")


def sign(key: str, timestamp: str, token: str) -> str:
    """Return the signature that Mailgun would send, in hexadecimal.

    :param key: the HTTP webhook signing key
    :param timestamp: seconds since 1970, as text
    :param token: Mailgun's random string
    """
    message = f"{timestamp}{token}".encode()
    return hmac.new(key.encode(), message, hashlib.sha256).hexdigest()


@dataclass(frozen=True)
class Signature:
    """The signed values of a request, known to have the right shape.

    :param parent_signature: of the same timestamp and token, by the key of the primary
        account; "" when no sub-account posts
    """

    timestamp: int
    token: str
    signature: str
    parent_signature: str = ""

    @classmethod
    def read(cls, timestamp, token, signature, parent_signature=None) -> "Signature":
        """Check the shape of values that came from anywhere.

        :param parent_signature: not needed, and taken for none when it is malformed
        :raise InvalidSignature: when another one is missing, no text, or malformed
        """
        values = {"timestamp": timestamp, "token": token, "signature": signature}
        patterns = {"timestamp": _TIMESTAMP, "token": _TOKEN, "signature": _SIGNATURE}
        for name, value in values.items():
            if value is None or value == "":
                raise InvalidSignature(_lt("the field %(name)s is missing", name=name))
            if not isinstance(value, str) or not patterns[name].fullmatch(value):
                raise InvalidSignature(
                    _lt("the field %(name)s is malformed", name=name)
                )
        parent = parent_signature
        if not isinstance(parent, str) or not _SIGNATURE.fullmatch(parent):
            parent = ""
        return cls(int(timestamp), token, signature.lower(), parent.lower())

    def check_age(self, now: float) -> None:
        """Refuse what was signed too long ago, or in the future.

        :param now: the present time, seconds since 1970
        :raise InvalidSignature: with the age in the message
        """
        age = now - self.timestamp
        if age > SIGNATURE_MAX_AGE:
            raise InvalidSignature(
                _lt("signed %(hours)s hours ago", hours=f"{age / 3600:.0f}")
            )
        if age < -SIGNATURE_MAX_AHEAD:
            raise InvalidSignature(
                _lt(
                    "signed %(seconds)s seconds in the future: check this server's "
                    "clock",
                    seconds=f"{-age:.0f}",
                )
            )

    def matches(self, keys: Iterable[str]) -> bool:
        """Tell whether one of ``keys`` made this signature, or the parent's.

        Always tries every key, so that the time taken says nothing about them.
        """
        expected = [sign(key, str(self.timestamp), self.token) for key in keys]
        given = (self.signature, self.parent_signature)
        found = [hmac.compare_digest(one, two) for one in expected for two in given]
        return any(found)
