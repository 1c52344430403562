"""Which account is looked at."""

from collections.abc import Mapping
from dataclasses import dataclass

KEY, DOMAIN = "MAILGUN_LIVE_API_KEY", "MAILGUN_LIVE_DOMAIN"
REGION, CATCHER = "MAILGUN_LIVE_REGION", "MAILGUN_LIVE_CATCHER"
SENDING_KEY = "MAILGUN_LIVE_SENDING_KEY"

_HOSTS = {"us": "https://api.mailgun.net", "eu": "https://api.eu.mailgun.net"}


@dataclass(frozen=True)
class Target:
    """An account with a domain, and how long things take there.

    :param url: of the API
    :param catcher: URL of a catcher that Mailgun can reach, or ""
    :param patience: seconds to wait for a post or an event, at most
    :param pause: seconds between two looks
    :param first_retry: seconds until a post that was not taken comes again
    :param sending_key: of the domain, or ""
    :param is_sandbox: it is the local Mailgun, with its control side
    """

    url: str
    key: str
    domain: str
    catcher: str = ""
    patience: float = 900.0
    pause: float = 2.0
    first_retry: float = 600.0
    sending_key: str = ""
    is_sandbox: bool = False


def from_environment(environ: Mapping[str, str], patience: float) -> Target | None:
    """Return the account that the environment names, None when it names no key.

    :raise ValueError: when it names only half of what is needed, or nonsense
    """
    if not environ.get(KEY):
        return None
    if not environ.get(DOMAIN):
        raise ValueError(f"{KEY} is set, but not {DOMAIN}")
    region = environ.get(REGION) or "us"
    if region not in _HOSTS:
        raise ValueError(f"{REGION} is us or eu, not {region!r}")
    catcher = environ.get(CATCHER, "").rstrip("/")
    if catcher and not catcher.startswith("https://"):
        raise ValueError(f"{CATCHER} does not begin with https://")
    return Target(
        _HOSTS[region],
        environ[KEY],
        environ[DOMAIN].lower(),
        catcher,
        patience,
        sending_key=environ.get(SENDING_KEY, ""),
    )
