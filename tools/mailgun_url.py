"""Where Mailgun's API is, and which addresses a key may travel to.

Parsers of addresses differ. Of ``https://evil.example\\.mailgun.net`` Python's finds a
host of Mailgun, and urllib3, which requests asks by, finds evil.example. So an address
is trusted only when there is nothing in it that could be read in two ways, and the
client judges what it is going to ask as well as what it was given.
"""

import os
import re

from ..const import API_URL_VARIABLE, REGION_HOSTS
from .errors import SettingError
from .sentence import Sentence as _lt

# Where Mailgun keeps stored mail and further pages of a list; their addresses come
# from outside, and the key goes nowhere else: not to mailgun.com either, where other
# companies run the help pages.
_MAILGUN = re.compile(r"https://(?=[^/]{1,253}$)([a-z0-9-]{1,63}\.)+mailgun\.(net|org)")

# No blanks, control characters, back-slashes or user names, no port in words, nothing
# that looks like a letter or a slash.
_PLAIN = re.compile(
    r"(https?)://([a-z0-9.-]+|\[[0-9a-f:.]+\])(?::([0-9]{1,5}))?"
    r"(?:[/?][!-\[\]-~]{0,8000})?",
    re.IGNORECASE | re.ASCII,
)
_USUAL_PORTS = {"http": "80", "https": "443"}

# What is asked for any other address, as urllib3 reads it.
_ASKED = re.compile(r"\s*([a-z0-9+.-]{1,20}:)//(?:[^/\\?#]{0,500}@)?([^/\\?#@]{1,500})")


def api_url(region: str) -> str:
    """Return where the API of a region ("us" or "eu") is, with no slash at its end.

    :raise SettingError: the environment names a place that is none
    """
    override = _override()
    if not override:
        return REGION_HOSTS[region]
    if not _origin(override) or set("?#") & set(override):
        raise SettingError(
            _lt(
                "What the environment variable %(name)s holds is no address of an API. "
                "Set it to one such as https://mailgun.example.com, without user name "
                "and query, or remove it to ask Mailgun itself.",
                name=API_URL_VARIABLE,
            )
        )
    return override if region == "us" else f"{override}/{region}"


def trusted_origin(url: str) -> str:
    """Return scheme, host and port of an address that a key may travel to.

    That is Mailgun over https, or exactly where ``MAILGUN_API_URL`` leads to.

    :param url: plain ASCII, as Mailgun gives them
    :raise SettingError: it leads elsewhere, and where
    """
    origin = _origin(url)
    if origin and (_MAILGUN.fullmatch(origin) or origin == _origin(_override())):
        return origin
    raise SettingError(
        _lt(
            "%(url)s is no address of Mailgun, or oddly written: the key does not go "
            "there.",
            url=_told(url),
        )
    )


def _override() -> str:
    return os.environ.get(API_URL_VARIABLE, "").strip().rstrip("/")


def _origin(url: str) -> str:
    """Return scheme, host and unusual port of a plain address, "" of any other."""
    found = _PLAIN.fullmatch(url)
    if not found:
        return ""
    scheme, host, port = (part and part.lower() for part in found.groups())
    is_usual = port in (None, _USUAL_PORTS[scheme])
    return f"{scheme}://{host}" if is_usual else f"{scheme}://{host}:{port}"


def _told(url: str) -> str:
    """Return where an address leads, for a sentence; of odd text its beginning."""
    found = _ASKED.match(url)
    text = "//".join(found.groups()) if found else url
    return ascii(text[:100])[1:-1]
