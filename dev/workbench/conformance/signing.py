"""Mailgun's signature (user manual, "Securing webhooks")."""

import hashlib
import hmac


def fits(key: str, timestamp: str, token: str, signature: str) -> bool:
    """Tell whether a signature is the account's.

    :param key: the HTTP webhook signing key
    """
    message = f"{timestamp}{token}".encode()
    expected = hmac.new(key.encode(), message, hashlib.sha256).hexdigest()
    return hmac.compare_digest(expected, signature)
