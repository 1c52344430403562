"""What an account has at Mailgun: domains, DNS records, signing key, routes, webhooks.

Routes belong to the account in one region and webhooks to a domain; both hold entries
of other systems, so everything here touches one entry and leaves the rest alone.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from ..errors import NotThere
from .answers import needed
from .client import MailgunClient, path

_PAGE = 100

MAX_URLS_PER_TYPE = 3

# Of forward("…") and store(notify="…"); several are joined by commas.
_URL = re.compile(r"""https?://[^\s"',]+""")


@dataclass(frozen=True)
class DnsRecord:
    """A record that Mailgun wants to see in the DNS, and whether it does.

    :param purpose: "sending", "receiving", "tracking" or "spare": a DKIM key beside
        the one that Mailgun signs with
    :param state: "valid", "unknown" (not found yet) or "invalid"
    """

    purpose: str
    kind: str
    name: str
    value: str
    priority: str
    state: str


@dataclass(frozen=True)
class DomainInfo:
    """A domain as Mailgun knows it.

    :param state: "active", "unverified", or "disabled", whatever else it is then
    :param spam_action: "disabled", "tag" or "block"
    :param reason: why Mailgun has disabled it, or ""
    """

    name: str
    region: str
    state: str
    spam_action: str = ""
    reason: str = ""
    records: tuple[DnsRecord, ...] = ()


@dataclass(frozen=True)
class Route:
    """A rule for mail that comes in; the lowest ``priority`` is looked at first."""

    id: str
    expression: str
    actions: tuple[str, ...]
    priority: int = 0
    description: str = ""

    @property
    def urls(self) -> tuple[str, ...]:
        """Where it posts mail, or tells of it."""
        return tuple(_URL.findall(" ".join(self.actions)))

    @property
    def stops(self) -> bool:
        """Whether no later route gets the mail."""
        return any(action.replace(" ", "") == "stop()" for action in self.actions)


class Management:
    """Reads and changes what an account has in one region.

    Every method raises :class:`~.errors.ApiError`.

    :param client: with an API key; a sending key may do nothing of this
    """

    def __init__(self, client: MailgunClient):
        self._client = client

    # --- domains (API reference, "Domains" v4) ---------------------------------------

    def list_domains(self) -> list[DomainInfo]:
        """Return all domains of the account in the client's region."""
        return [self._domain(one) for one in self._pages("/v4/domains")]

    def get_domain(self, name: str) -> DomainInfo:
        """Return a domain with its DNS records, as Mailgun saw them last."""
        body = self._client.call("GET", path("/v4/domains/{}", name), name)
        return self._domain(needed(body, "domain", dict), body)

    def verify_domain(self, name: str) -> DomainInfo:
        """Have Mailgun look at the DNS now, and return what it found."""
        body = self._client.call("PUT", path("/v4/domains/{}/verify", name), name)
        return self._domain(needed(body, "domain", dict), body)

    def set_spam_action(self, name: str, action: str) -> None:
        """Choose what Mailgun does about spam: "disabled", "tag" or "block"."""
        address = path("/v4/domains/{}", name)
        self._client.call("PUT", address, name, files={"spam_action": (None, action)})

    def get_signing_key(self) -> str:
        """Return the HTTP webhook signing key of the account."""
        body = self._client.call("GET", "/v5/accounts/http_signing_key")
        return needed(body, "http_signing_key", str)

    # --- routes (API reference, "Routes") --------------------------------------------

    def list_routes(self) -> list[Route]:
        """Return all routes of the account in the client's region, first one first."""
        found = [_route(one) for one in self._pages("/v3/routes")]
        return sorted(found, key=lambda route: route.priority)

    def match_route(self, address: str) -> Route | None:
        """Return the first route that takes mail for ``address``."""
        try:
            body = self._client.call(
                "GET", "/v3/routes/match", params={"address": address}
            )
        except NotThere:
            return None
        return _route(needed(body, "route", dict))

    def create_route(self, route: Route) -> Route:
        """Make a route; its ``id`` is given by Mailgun."""
        body = self._client.call("POST", "/v3/routes", files=_form(route))
        return _route(_dict(body, "route") or body)

    def update_route(self, route: Route) -> None:
        """Change the route that has this ``id``."""
        address = path("/v3/routes/{}", route.id)
        self._client.call("PUT", address, files=_form(route))

    def delete_route(self, route_id: str) -> None:
        """Remove a route."""
        self._client.call("DELETE", path("/v3/routes/{}", route_id))

    # --- webhooks (API reference, "Domain webhooks" v3 and v4, "Account webhooks") ---

    def list_webhooks(self, domain: str) -> dict[str, list[str]]:
        """Return the URLs that are told of each event type of a domain."""
        address = path("/v3/domains/{}/webhooks", domain)
        body = self._client.call("GET", address, domain)
        return {
            kind: [url for url in _list(hook, "urls") if isinstance(url, str)]
            for kind, hook in needed(body, "webhooks", dict).items()
            if isinstance(hook, dict)
        }

    def list_account_webhooks(self) -> dict[str, list[str]]:
        """Return the URLs that are told of each event type of all domains."""
        body = self._client.call("GET", "/v1/webhooks")
        found: dict[str, list[str]] = {}
        for hook in needed(body, "webhooks", list):
            for kind in _list(hook, "event_types"):
                found.setdefault(kind, []).append(_text(hook, "url"))
        return found

    def add_webhook(self, domain: str, url: str, types: Iterable[str]) -> list[str]:
        """Have ``url`` told of these event types, next to the URLs that are there.

        :return: the types that have no room for another URL
        """
        present = self.list_webhooks(domain)
        missing = [kind for kind in types if url not in present.get(kind, [])]
        full = [
            kind for kind in missing if len(present.get(kind, [])) >= MAX_URLS_PER_TYPE
        ]
        mine = [kind for kind in present if url in present[kind]]
        wanted = [*mine, *(kind for kind in missing if kind not in full)]
        if wanted != mine:
            # POST refuses a URL that has one of the types already; PUT replaces all
            # types of that URL, and of that one only. So says the OpenAPI document; no
            # recording is known. An answer of another kind is told in Mailgun's words.
            self._client.call(
                "PUT" if mine else "POST",
                path("/v4/domains/{}/webhooks", domain),
                domain,
                data=[("url", url), *(("event_types", kind) for kind in wanted)],
            )
        return full

    def remove_webhook(self, domain: str, url: str) -> None:
        """Have ``url`` no longer told of anything; other URLs stay."""
        if not any(url in urls for urls in self.list_webhooks(domain).values()):
            return
        address = path("/v4/domains/{}/webhooks", domain)
        self._client.call("DELETE", address, domain, params={"url": url})

    # --- reading ---------------------------------------------------------------------

    def _pages(self, address: str) -> Iterator[dict]:
        skip = 0
        while True:
            page = {"limit": _PAGE, "skip": skip}
            body = self._client.call("GET", address, params=page)
            items = needed(body, "items", list)
            yield from items
            if len(items) < _PAGE:
                return
            skip += _PAGE

    def _domain(self, given: dict, body: Any = None) -> DomainInfo:
        # Beside any state (OpenAPI, "GetDomainResp": unverified, and disabled).
        is_disabled = given.get("is_disabled") is True if isinstance(given, dict) else 0
        return DomainInfo(
            name=_text(given, "name").lower(),
            region=self._client.region,
            state="disabled" if is_disabled else _text(given, "state"),
            spam_action=_text(given, "spam_action"),
            reason=_text(_dict(given, "disabled"), "reason"),
            records=tuple(_records(body or {})),
        )


def _records(body: dict) -> Iterator[DnsRecord]:
    sending = _list(body, "sending_dns_records")
    signs = any(_is_active(one) for one in sending if _is_dkim(one))
    for purpose in ("sending", "receiving"):
        for record in _list(body, f"{purpose}_dns_records"):
            kind = _text(record, "record_type").upper()
            yield DnsRecord(
                purpose=_purpose(record, purpose, signs),
                kind=kind,
                name=_text(record, "name"),
                value=_text(record, "value"),
                priority=_text(record, "priority"),
                state=_text(record, "valid") or "unknown",
            )


def _purpose(record: Any, listed: str, signs: bool) -> str:
    """Tell what a record is for by its name.

    With Automatic Sender Security the DKIM keys are CNAME records like that of tracking
    (user manual, "DKIM security").

    :param listed: under which of Mailgun's two lists it stands
    :param signs: one of the domain's DKIM keys is in use
    """
    if _is_dkim(record):
        return "spare" if signs and not _is_active(record) else "sending"
    kind = _text(record, "record_type").upper()
    return "tracking" if kind == "CNAME" else listed


def _is_dkim(record: Any) -> bool:
    return "._domainkey." in _text(record, "name").lower()


def _is_active(record: dict) -> bool:
    # A key that is found and about which nothing is said is in use.
    return record.get("is_active", _text(record, "valid") == "valid") is True


def _route(given: dict) -> Route:
    priority = given.get("priority")
    return Route(
        id=_text(given, "id"),
        expression=_text(given, "expression"),
        actions=tuple(one for one in _list(given, "actions") if isinstance(one, str)),
        priority=priority if isinstance(priority, int) else 0,
        description=_text(given, "description"),
    )


def _form(route: Route) -> list:
    """Return the multipart fields of a route; ``None`` = a field, not a file."""
    fields = [
        ("priority", str(route.priority)),
        ("description", route.description),
        ("expression", route.expression),
        *(("action", action) for action in route.actions),
    ]
    return [(name, (None, value)) for name, value in fields]


# Fields come and go in Mailgun's answers, and change from null to "" or [].


def _dict(given: Any, key: str) -> dict:
    value = given.get(key) if isinstance(given, dict) else None
    return value if isinstance(value, dict) else {}


def _list(given: Any, key: str) -> list:
    value = given.get(key) if isinstance(given, dict) else None
    return value if isinstance(value, list) else []


def _text(given: Any, key: str) -> str:
    value = given.get(key) if isinstance(given, dict) else None
    return value if isinstance(value, str) else ""
