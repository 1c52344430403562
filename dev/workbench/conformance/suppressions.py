"""Assumptions about suppression lists."""

import email.utils

from .assumption import Group, expect
from .lab import Lab

GROUP = Group("suppressions")


@GROUP.assumes
def bounces_come_and_go(lab: Lab) -> None:
    """An address on the list of bounces has code, error and date; it can be removed."""
    entry = _come_and_go(lab, "bounces", code="550", error="a check")
    expect(str(entry["code"]) == "550" and entry["error"] == "a check", entry)


@GROUP.assumes
def complaints_come_and_go(lab: Lab) -> None:
    """An address on the list of complaints has a date; it can be removed."""
    _come_and_go(lab, "complaints")


@GROUP.assumes
def unsubscribes_come_and_go(lab: Lab) -> None:
    """An address on the list of unsubscribes has tags and date; it can be removed."""
    entry = _come_and_go(lab, "unsubscribes", tag="*")
    expect(entry["tags"] == ["*"], entry)


@GROUP.assumes
def lists_have_pages(lab: Lab) -> None:
    """A list has items, and the URL of a next page also when it is the last."""
    for name in ("bounces", "complaints", "unsubscribes", "whitelists"):
        page = lab.api.json("GET", lab.path("v3", lab.domain, name))
        expect(isinstance(page["items"], list), page["items"])
        expect(isinstance(page["paging"].get("next"), str), page["paging"])


def _come_and_go(lab: Lab, name: str, **fields: str) -> dict:
    """Put an address on a list, and remove it; return its entry."""
    # The plus must survive the way into the URL's path.
    address = lab.address(f"a+{name}")
    lab.suppressed.append((name, address))
    added = {"address": address, **fields}
    lab.api.json("POST", lab.path("v3", lab.domain, name), data=added)
    entry = _until(lab, name, address, 200).json()
    expect(entry["address"] == address, entry)
    expect(email.utils.parsedate_to_datetime(entry["created_at"]), entry)
    answer = lab.api.json("DELETE", lab.path("v3", lab.domain, name, address))
    expect(answer["address"] == address, answer)
    _until(lab, name, address, 404)
    return entry


def _until(lab: Lab, name: str, address: str, status: int):
    """Read an entry until the answer has a status; lists follow with a delay."""
    path = lab.path("v3", lab.domain, name, address)
    response = lab.wait(
        f"the list of {name}",
        lambda: lab.api.call("GET", path),
        lambda found: found.status_code == status,
    )
    expect(response.status_code == status, f"{response.status_code} for the entry")
    return response
