"""Mailgun's signature (user manual, "Securing webhooks")."""

import hashlib
import hmac
import secrets
import time


def sign(key: str) -> dict[str, str]:
    """Return a fresh timestamp, token and signature.

    :param key: the HTTP webhook signing key
    """
    timestamp, token = str(int(time.time())), secrets.token_hex(25)
    message = f"{timestamp}{token}".encode()
    signature = hmac.new(key.encode(), message, hashlib.sha256).hexdigest()
    return {"timestamp": timestamp, "token": token, "signature": signature}
