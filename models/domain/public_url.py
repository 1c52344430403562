"""Can Mailgun reach this Odoo? As far as its address tells."""

import ipaddress
import os
import re

from ...const import API_URL_VARIABLE

# It also has to fit between the quotes of a route's action.
_ADDRESS = re.compile(
    r"(https?)://([\w.-]+|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?(?:/[!#-\[\]-~]*)?",
    re.IGNORECASE,
)
_LOCAL_ENDINGS = (".local", ".localhost", ".internal")


def public_url_trouble(env, url):
    """Say why Mailgun could not reach an address.

    :param str url: of the endpoint, or of Odoo itself
    :return: what is wrong and what to do, or False
    """
    found = _ADDRESS.fullmatch(url or "")
    if not found:
        return env._(
            "“%s” is no address of a web server. Enter one such as "
            "https://odoo.yourcompany.com in the field Public Address, or in the "
            "system parameter web.base.url.",
            url,
        )
    if os.environ.get(API_URL_VARIABLE):
        # Mailgun is somewhere private, and what it reaches is not ours to judge.
        return False
    scheme, host = found.groups()
    if _is_local(host.strip("[]").lower()):
        return env._(
            "Mailgun cannot reach %s from outside. Enter the public address of this "
            "Odoo in the field Public Address, or in the system parameter "
            "web.base.url.",
            url,
        )
    if scheme.lower() != "https":
        return env._(
            "%s is not encrypted. Mail and its signature must travel by https: set up "
            "a certificate, then enter the https address as Public Address.",
            url,
        )
    return False


def host_of(url):
    """Return the host of a URL with its port, as far as there is one.

    :param str url: may be anything
    """
    return (url or "").partition("//")[2].partition("/")[0].lower()


def _is_local(host):
    try:
        return not ipaddress.ip_address(host).is_global
    except ValueError:
        return "." not in host or host.endswith(_LOCAL_ENDINGS)
