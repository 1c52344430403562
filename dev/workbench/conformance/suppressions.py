"""Assumptions about suppression lists."""

import email.utils
import time

from ..servers.sentences import NotChecked, Subject, true
from . import probes
from .lab import Lab

SUBJECT = Subject("suppressions")


@SUBJECT.says
def bounces_come_and_go(lab: Lab) -> None:
    """An address on the list of bounces has code, error and date; it can be removed."""
    entry = _come_and_go(lab, "bounces", code="550", error="a check")
    true(entry, str(entry["code"]) == "550" and entry["error"] == "a check")


@SUBJECT.says
def complaints_come_and_go(lab: Lab) -> None:
    """An address on the list of complaints has a date; it can be removed."""
    _come_and_go(lab, "complaints")


@SUBJECT.says
def unsubscribes_come_and_go(lab: Lab) -> None:
    """An address on the list of unsubscribes has tags and date; it can be removed."""
    entry = _come_and_go(lab, "unsubscribes", tag="*")
    true(entry, entry["tags"] == ["*"])


@SUBJECT.says
def lists_have_pages(lab: Lab) -> None:
    """A list has items, and the URL of a next page also when it is the last."""
    for name in ("bounces", "complaints", "unsubscribes", "whitelists"):
        page = lab.api.json("GET", lab.path("v3", lab.domain, name))
        true(page["items"], isinstance(page["items"], list))
        true(page["paging"], isinstance(page["paging"].get("next"), str))


@SUBJECT.says
def several_are_added_at_once(lab: Lab) -> None:
    """POST takes a JSON array with tags, and a page of 1000 can be asked for."""
    name, addresses = "unsubscribes", [lab.address(f"many-{n}") for n in (1, 2)]
    lab.suppressed += [(name, address) for address in addresses]
    entries = [{"address": address, "tags": ["*"]} for address in addresses]
    path = lab.path("v3", lab.domain, name)
    lab.api.json("POST", path, json=entries)
    for address in addresses:
        true(address, _until(lab, name, address, 200).json()["tags"] == ["*"])
    lab.api.json("GET", path, params={"limit": 1000})


@SUBJECT.says
def mail_to_who_is_on_a_list_fails(lab: Lab) -> str:
    """Mail to an address that has bounced fails with the code 605."""
    address, began = lab.address("bounced"), time.time()
    lab.suppressed.append(("bounces", address))
    added = {"address": address, "code": "550", "error": "a check"}
    lab.api.json("POST", lab.path("v3", lab.domain, "bounces"), data=added)
    _until(lab, "bounces", address, 200)
    lab.post("bounced", [address], lab.letter("bounced", [address]))
    (event, *_more) = lab.wait(
        "the event of the failure",
        lambda: probes.find_events(
            lab, lab.message_id("bounced"), began, event="failed"
        ),
    ) or [None]
    if event is None:
        raise NotChecked(f"no such event within {lab.target.patience:.0f} s")
    found = event["delivery-status"]["code"], event["reason"], event["severity"]
    true(found, str(found[0]) == "605" and found[2] == "permanent")
    return f"reason {found[1]}"


def _come_and_go(lab: Lab, name: str, **fields: str) -> dict:
    """Put an address on a list, and remove it; return its entry."""
    # The plus must survive the way into the URL's path.
    address = lab.address(f"a+{name}")
    lab.suppressed.append((name, address))
    added = {"address": address, **fields}
    lab.api.json("POST", lab.path("v3", lab.domain, name), data=added)
    entry = _until(lab, name, address, 200).json()
    true(entry, entry["address"] == address)
    true(entry, email.utils.parsedate_to_datetime(entry["created_at"]))
    answer = lab.api.json("DELETE", lab.path("v3", lab.domain, name, address))
    true(answer, answer["address"] == address)
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
    true(f"{response.status_code} for the entry", response.status_code == status)
    return response
