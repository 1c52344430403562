"""Which kind of key somebody has pasted: by its shape, and by asking Mailgun."""

import re
from dataclasses import dataclass

from ..errors import DomainBarred, RefusedMessage, SettingError
from .client import MailgunClient
from .management import DomainInfo, Management

# API keys come as three groups with dashes, and older ones as "key-…"; the signing key
# is 32 hexadecimal digits, or "key-…" as well (the OpenAPI's example of it), so that
# form tells nothing. Seen in Mailgun's examples, documented nowhere: good for a
# question, never for a refusal.
_API_KEY = re.compile(r"[0-9a-f]{32}-[0-9a-f]{8}-[0-9a-f]{8}$")
_SIGNING_KEY = re.compile(r"[0-9a-f]{32}$")
_PUBLIC_KEY = re.compile(r"pubkey-")


def looks_like(text: str) -> str:
    """Guess a key by its shape.

    :return: "api", "signing", "public" (for address validation only) or "" = no idea
    """
    text = text.strip()
    if _PUBLIC_KEY.match(text):
        return "public"
    if _API_KEY.match(text):
        return "api"
    return "signing" if _SIGNING_KEY.match(text) else ""


@dataclass(frozen=True)
class KeyFinding:
    """What a key may do.

    :param kind: "api" (manages the account), "sending" (posts messages of the one
        domain that was asked about) or "" (Mailgun knows it nowhere)
    :param domains: of all regions, those of the asked one first
    :param refusal: Mailgun's own words when the key is of no use
    """

    kind: str
    domains: tuple[DomainInfo, ...] = ()
    refusal: str = ""


def probe(key: str, region: str, domain: str = "", subaccount: str = "") -> KeyFinding:
    """Ask Mailgun what a key may do, in the given region first and then the other.

    The key of an account is known in both regions, its domains live in one each; so a
    wrong region shows by an empty list, and for a sending key by a refusal.

    :param domain: to be tried with a sending key; without it such a key is not found
    :raise TransientError: no answer to be had now
    """
    regions = (region, "us" if region == "eu" else "eu")
    domains, known, refusal = [], False, ""
    for place in regions:
        with MailgunClient(place, key, subaccount) as client:
            try:
                domains += Management(client).list_domains()
                known = True
            except (SettingError, RefusedMessage) as error:
                refusal = refusal or error.detail
    if known:
        return KeyFinding("api", tuple(domains))
    for place in regions if domain else ():
        with MailgunClient(place, key, subaccount) as client:
            try:
                client.check_sending(domain)
            except DomainBarred as error:
                barred = DomainInfo(domain, place, "disabled", reason=error.detail)
                return KeyFinding("sending", (barred,))
            except SettingError as error:
                # What is said of a key that may only send is what counts for it.
                refusal = error.detail or refusal
                continue
        return KeyFinding("sending", (DomainInfo(domain, place, "active"),))
    return KeyFinding("", refusal=refusal)
