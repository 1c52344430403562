"""Where Mailgun's API is, and which addresses are Mailgun's."""

import os
from urllib.parse import urlsplit

from ..const import API_URL_VARIABLE, REGION_HOSTS

# Where Mailgun keeps stored mail and further pages of a list; their addresses come
# from outside, and the key goes nowhere else.
_TRUSTED_HOSTS = (".mailgun.net", ".mailgun.org")


def api_url(region: str) -> str:
    """Return where the API of a region ("us" or "eu") is, with no slash at its end."""
    override = os.environ.get(API_URL_VARIABLE, "").rstrip("/")
    if override:
        return override if region == "us" else f"{override}/{region}"
    return REGION_HOSTS[region]


def is_mailgun_url(url: str) -> bool:
    """Tell whether a key may travel to ``url``: to Mailgun over https, nowhere else.

    With an override of the API's host, that origin is trusted too.
    """
    parts = urlsplit(url)
    override = os.environ.get(API_URL_VARIABLE, "")
    if override and _origin(parts) == _origin(urlsplit(override)):
        return True
    host = (parts.hostname or "").lower()
    try:
        port = parts.port
    except ValueError:
        return False
    return (
        parts.scheme == "https" and port in (None, 443) and not parts.username
    ) and host.endswith(_TRUSTED_HOSTS)


def _origin(parts):
    return parts.scheme, parts.netloc
