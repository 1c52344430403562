"""A Mailgun on this machine that has an account: domains, routes, suppressions ..."""

import json
import os
import re
import time
from datetime import datetime, timezone
from email.utils import formatdate, parsedate_to_datetime
from functools import partial
from urllib.parse import parse_qs, quote, unquote, urlsplit

from odoo.addons.mail_mailgun.const import API_URL_VARIABLE

from .local_mailgun import LocalMailgun

RECORDS = {
    "receiving_dns_records": [
        {"record_type": "MX", "priority": "10", "value": "mxa", "valid": "valid"}
    ],
    "sending_dns_records": [
        {"record_type": "TXT", "name": "x", "value": "v=spf1", "valid": "valid"},
        {"record_type": "CNAME", "name": "email.x", "value": "y", "valid": "unknown"},
    ],
}

# The lists of suppressions, and what each says of an address that is not on it.
SUPPRESSIONS = {
    "bounces": "Address not found in bounces table",
    "complaints": "No spam complaints found for this address",
    "unsubscribes": "Address not found in unsubscribers table",
}


def as_entry(data):
    """Return an event as the Logs have it (recorded in ``answers/record.json``)."""
    entry = {"domain": {"name": "mail.example.com"}, **data}
    if "timestamp" in entry:
        moment = datetime.fromtimestamp(entry.pop("timestamp"), timezone.utc)
        entry["@timestamp"] = moment.isoformat(timespec="milliseconds")[:-6] + "Z"
    if "user-variables" in entry:
        entry["user-variables"] = json.dumps(entry["user-variables"])
    if storage := entry.get("storage"):
        entry["storage"] = {**storage, "url": [storage["url"]]}
    return entry


class ConnectedMailgun(LocalMailgun):
    """Answers the calls of setting up; what a test queues comes first.

    :ivar domains: names by region
    :ivar routes: as the API lists them
    :ivar webhooks: URLs by event type
    :ivar records: what Mailgun wants to see in the DNS, and ``about``: more on a domain
    :ivar events: as the API lists them, in pages of ``page_size``
    :ivar sources: by which ways they can be read: "events", "logs"
    :ivar stored: returns the stored mail as the API gives it, or None
    :ivar suppressed: for each list, its entries by address
    """

    page_size = 100

    def __init__(self):
        super().__init__()
        self.domains = {"us": ["mail.example.com"], "eu": []}
        self.states = {}
        self.routes = []
        self.webhooks = {}
        self.account_webhooks = []
        self.spam_action = "disabled"
        self.records = RECORDS
        self.about = {}
        self.events = []
        self.sources = ("events",)
        self.stored = lambda: None
        self.suppressed = {name: {} for name in SUPPRESSIONS}

    @property
    def url(self):
        """Where it answers."""
        return os.environ[API_URL_VARIABLE]

    def begins(self):
        """Return since when the record was asked for, in seconds since 1970."""
        return [
            parsedate_to_datetime(json.loads(one.body)["start"]).timestamp()
            if one.path.endswith("/logs")
            else float(parse_qs(urlsplit(one.path).query)["begin"][0])
            for one in self.seen
            if one.path.endswith("/logs") or "begin=" in one.path
        ]

    def changes(self):
        """Return method and path of everything that was not just read."""
        return [(one.method, one.path) for one in self.seen if one.method != "GET"]

    def respond(self, seen):
        """Answer by the state of the account."""
        path = urlsplit(seen.path).path
        region = "eu" if path.startswith("/eu/") else "us"
        path = path.removeprefix("/eu")
        for start, answer in (
            ("/v4/domains", self._domains),
            ("/v5/accounts/http_signing_key", self._signing_key),
            ("/v3/routes", self._routes),
            ("/v3/domains/", self._of_domain),
            ("/v1/webhooks", self._account_webhooks),
            ("/v3/mail.example.com/events", self._events),
            ("/v1/analytics/logs", self._logs),
            *(
                (f"/v3/mail.example.com/{name}", partial(self._suppressed, name))
                for name in SUPPRESSIONS
            ),
        ):
            if path.startswith(start):
                return answer(seen, region, path.removeprefix(start))
        return super().respond(seen)

    def _domains(self, seen, region, rest):
        if rest.endswith("/webhooks"):
            return self._change_webhooks(seen)
        names = self.domains[region]
        if not rest:
            return _ok({"items": [self._domain(name)["domain"] for name in names]})
        name = rest.strip("/").removesuffix("/verify")
        if name not in names:
            return _NOT_FOUND
        if seen.method == "PUT" and not rest.endswith("/verify"):
            (self.spam_action,) = seen.values("spam_action")
        return _ok(self._domain(name))

    def _domain(self, name):
        state = self.states.get(name, "active")
        about = {"name": name, "state": state, "spam_action": self.spam_action}
        return {"domain": {**about, **self.about}, **self.records}

    def _signing_key(self, _seen, _region, _rest):
        return _ok({"http_signing_key": "signing-key-of-the-account"})

    def _routes(self, seen, _region, rest):
        if seen.method in ("POST", "PUT"):
            route = {
                "id": rest.strip("/") or f"route-{len(self.seen)}",
                "priority": int(seen.values("priority")[0]),
                "description": seen.values("description")[0],
                "expression": seen.values("expression")[0],
                "actions": seen.values("action"),
            }
            self._drop_route(route["id"])
            self.routes.append(route)
            return _ok({"route": route})
        if seen.method == "DELETE":
            self._drop_route(rest.strip("/"))
            return _ok({"message": "Route has been deleted"})
        if rest == "/match":
            (address,) = parse_qs(urlsplit(seen.path).query)["address"]
            taking = [one for one in self.routes if _takes(one["expression"], address)]
            if not taking:
                return 404, b'{"message": "Route not found"}', _JSON
            return _ok({"route": min(taking, key=lambda one: one["priority"])})
        return _ok({"items": self.routes})

    def _drop_route(self, route_id):
        self.routes = [one for one in self.routes if one["id"] != route_id]

    def _of_domain(self, _seen, _region, rest):
        if "/messages/" in rest:
            return _ok(self.stored()) if self.stored() else _NOT_KEPT
        return self._list_webhooks()

    def _list_webhooks(self):
        found = {kind: {"urls": urls} for kind, urls in self.webhooks.items()}
        return _ok({"webhooks": found})

    def _change_webhooks(self, seen):
        given = parse_qs(seen.body.decode() or urlsplit(seen.path).query)
        (url,) = given["url"]
        for urls in self.webhooks.values():
            if url in urls:
                urls.remove(url)
        for kind in given.get("event_types", []):
            self.webhooks.setdefault(kind, []).append(url)
        return self._list_webhooks()

    def _account_webhooks(self, _seen, _region, _rest):
        return _ok({"webhooks": self.account_webhooks})

    def _events(self, _seen, _region, rest):
        if "events" not in self.sources:
            return _GONE
        begin = int(rest.strip("/") or 0)
        end = begin + self.page_size
        following = f"{self.url}/v3/mail.example.com/events/{end}"
        items = self.events[begin:end]
        return _ok({"items": items, "paging": {"next": following}})

    def _logs(self, seen, _region, _rest):
        if "logs" not in self.sources:
            return _GONE
        asked = json.loads(seen.body)
        begin = int(asked["pagination"].get("token", 0))
        end = begin + self.page_size
        items = [event and as_entry(event) for event in self.events[begin:end]]
        return _ok({"items": items, "pagination": {"next": str(end)}})

    # --- suppressions ----------------------------------------------------------------

    def suppress(self, name, address, ago=0, **item):
        """Put an address on a list.

        :param ago: seconds since then
        """
        date = formatdate(time.time() - ago, usegmt=True).replace("GMT", "UTC")
        entry = {"address": address, "created_at": date, **item}
        self.suppressed[name][address.lower()] = entry

    def _suppressed(self, name, seen, _region, rest):
        entries = self.suppressed[name]
        address = unquote(rest.strip("/")).lower()
        if address and address not in entries:
            return 404, json.dumps({"message": SUPPRESSIONS[name]}).encode(), _JSON
        if seen.method == "DELETE":
            return _ok(entries.pop(address))
        if seen.method == "POST":
            for item in json.loads(seen.body):
                self.suppress(name, **item)
            return _ok({"message": "addresses have been added"})
        return _ok(entries[address] if address else self._page(name, seen))

    def _page(self, name, seen):
        after = parse_qs(urlsplit(seen.path).query).get("address", [""])[0]
        entries = self.suppressed[name]
        keys = sorted(key for key in entries if key > after)[: self.page_size]
        last = quote(keys[-1] if keys else after)
        following = f"{self.url}/v3/mail.example.com/{name}?page=next&address={last}"
        items = [entries[key] for key in keys]
        return {"items": items, "paging": {"next": following}}


def _takes(expression, address):
    """Tell whether a route with this expression takes mail for an address."""
    found = re.fullmatch(r'match_recipient\("(.*)"\)', expression)
    return not found or bool(re.fullmatch(found[1], address))


_JSON = "application/json"
_GONE = 410, b"Gone", "text/plain"
_NOT_KEPT = 404, b'{"message": "Message not found"}', _JSON
_NOT_FOUND = 404, b'{"message": "Domain not found"}', _JSON


def _ok(body):
    return 200, json.dumps(body).encode(), _JSON
