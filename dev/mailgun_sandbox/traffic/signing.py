"""Mailgun's signature (user manual, "Securing webhooks")."""

import hashlib
import hmac
import secrets
import time


def sign(key: str, timestamp: str = "", token: str = "") -> dict[str, str]:
    """Return timestamp, token and signature, fresh ones if none are given.

    :param key: the HTTP webhook signing key
    """
    timestamp, token = (
        timestamp or str(int(time.time())),
        token or secrets.token_hex(25),
    )
    message = f"{timestamp}{token}".encode()
    signature = hmac.new(key.encode(), message, hashlib.sha256).hexdigest()
    return {"timestamp": timestamp, "token": token, "signature": signature}
