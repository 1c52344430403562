"""Removing what the checks made, and nothing else."""

from collections.abc import Callable, Iterator

import requests

from ..servers.sentences import NotChecked, Wrong
from . import names
from .api import described
from .lab import Lab

_PAGE = 1000
_FAILURES = (requests.RequestException, Wrong, NotChecked, KeyError, TypeError)

# Path and parameters of something to be deleted.
Found = Iterator[tuple[str, dict | None]]


def remove(lab: Lab) -> list[str]:
    """Remove what this run made, and what an earlier one left that was killed.

    :return: what could not be removed, for people
    """
    left = []
    for name, find in _KINDS.items():
        try:
            for path, params in find(lab):
                left += _delete(lab, path, params)
        except _FAILURES as error:
            left.append(f"{name} with {lab.run} in them: {error}")
    return left


def _delete(lab: Lab, path: str, params: dict | None) -> list[str]:
    try:
        response = lab.api.call("DELETE", path, params=params)
    except (requests.RequestException, NotChecked) as error:
        return [f"{path} {params or ''}: {error}"]
    if response.ok or response.status_code == 404:
        return []
    return [f"{path} {params or ''}: {described(response)}"]


def _routes(lab: Lab) -> Found:
    items, skip = [], 0
    while True:
        page = {"limit": _PAGE, "skip": skip}
        found = lab.api.json("GET", "/v3/routes", params=page)["items"]
        items += found
        skip += _PAGE
        if len(found) < _PAGE:
            break
    for one in items:
        if names.may_go(one["description"], lab.run):
            yield lab.path("v3", "routes", one["id"]), None


def _webhooks(lab: Lab) -> Found:
    kinds = lab.api.json("GET", lab.path("v3", "domains", lab.domain, "webhooks"))
    urls = {
        url for one in kinds["webhooks"].values() for url in (one or {}).get("urls", [])
    }
    for url in urls:
        if names.may_go(url, lab.run):
            yield lab.path("v4", "domains", lab.domain, "webhooks"), {"url": url}


def _account_webhooks(lab: Lab) -> Found:
    for one in lab.api.json("GET", "/v1/webhooks")["webhooks"]:
        if names.may_go(one["description"], lab.run):
            yield lab.path("v1", "webhooks", one["webhook_id"]), None


def _suppressions(lab: Lab) -> Found:
    for name, address in lab.suppressed:
        yield lab.path("v3", lab.domain, name, address), None


_KINDS: dict[str, Callable[[Lab], Found]] = {
    "routes": _routes,
    "webhooks": _webhooks,
    "account webhooks": _account_webhooks,
    "suppressions": _suppressions,
}
