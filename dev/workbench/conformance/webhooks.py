"""Assumptions about webhooks of a domain and of an account."""

import contextlib
import json
from collections.abc import Iterator

from ..servers.sentences import NotChecked, Subject, true
from . import signing
from .lab import Lab

SUBJECT = Subject("webhooks")

# Rare, so that next to nothing of other mail is posted meanwhile.
_KIND, _OTHER = "complained", "unsubscribed"
_MAX_URLS = 3
_ALL = (
    "accepted",
    "clicked",
    "complained",
    "delivered",
    "opened",
    "permanent_fail",
    "temporary_fail",
    "unsubscribed",
)


@contextlib.contextmanager
def _hook(lab: Lab, label: str, kind: str = _KIND) -> Iterator[tuple[str, dict]]:
    """Have a URL told of a type for a while; give the URL and Mailgun's answer."""
    url = lab.catch_url(label)
    form = {"url": url, "event_types": kind}
    try:
        yield url, lab.api.json("POST", _path(lab), data=form)
    finally:
        lab.api.call("DELETE", _path(lab), params={"url": url})


def _path(lab: Lab, version: str = "v4") -> str:
    return lab.path(version, "domains", lab.domain, "webhooks")


def _listed(lab: Lab) -> dict[str, list[str]]:
    kinds = lab.api.json("GET", _path(lab, "v3"))["webhooks"]
    return {kind: list(one["urls"]) for kind, one in kinds.items() if one}


@SUBJECT.says
def a_url_is_added(lab: Lab) -> None:
    """POST adds a URL to a type, beside those that are there (v4)."""
    before = _listed(lab).get(_KIND, [])
    with _hook(lab, "hook") as (url, answer):
        true(answer, url in answer["webhooks"][_KIND]["urls"])
        found = _listed(lab).get(_KIND, [])
        true(f"{len(found)} URLs", sorted(found) == sorted([*before, url]))


@SUBJECT.says
def a_url_gets_all_types_at_once(lab: Lab) -> None:
    """POST takes eight event_types in one call (v4)."""
    url = lab.catch_url("eight")
    form = [("url", url), *(("event_types", kind) for kind in _ALL)]
    try:
        lab.api.json("POST", _path(lab), data=form)
        missing = [kind for kind in _ALL if url not in _listed(lab).get(kind, [])]
        true(f"not at {missing}", not missing)
    finally:
        lab.api.call("DELETE", _path(lab), params={"url": url})


@SUBJECT.says
def a_url_is_not_added_twice(lab: Lab) -> str:
    """POST of a URL that has the type already is refused with 400 (v4)."""
    with _hook(lab, "hook") as (url, _answer):
        form = {"url": url, "event_types": _KIND}
        answer = lab.api.json("POST", _path(lab), 400, data=form)
        return _words(lab, answer)


@SUBJECT.says
def the_types_of_a_url_are_replaced(lab: Lab) -> None:
    """PUT replaces the types of a URL, and of no other URL (v4)."""
    before = _listed(lab)
    with _hook(lab, "hook") as (url, _answer):
        lab.api.json("PUT", _path(lab), data={"url": url, "event_types": _OTHER})
        found = _listed(lab)
        true(f"not at {_OTHER}", url in found.get(_OTHER, []))
        true(f"still at {_KIND}", url not in found.get(_KIND, []))
    true("others than before", _listed(lab) == before)


@SUBJECT.says
def a_url_is_removed(lab: Lab) -> None:
    """DELETE removes a URL from all types, and no other; then it is 404 (v4)."""
    before = _listed(lab)
    with _hook(lab, "hook") as (url, _answer):
        lab.api.json("DELETE", _path(lab), params={"url": url})
        true("others than before", _listed(lab) == before)
        response = lab.api.call("DELETE", _path(lab), params={"url": url})
        true(response.status_code, response.status_code == 404)


@SUBJECT.says
def a_type_has_three_urls_at_most(lab: Lab) -> str:
    """A type has room for three URLs; one more is refused with 400, 404 or 409."""
    room = _MAX_URLS - len(_listed(lab).get(_KIND, []))
    with contextlib.ExitStack() as stack:
        for number in range(room):
            stack.enter_context(_hook(lab, f"hook-{number}"))
        url = lab.catch_url("hook-more")
        stack.callback(lab.api.call, "DELETE", _path(lab), params={"url": url})
        form = {"url": url, "event_types": _KIND}
        response = lab.api.call("POST", _path(lab), data=form)
        true(response.status_code, response.status_code in (400, 404, 409))
        return f"{response.status_code} {_words(lab, response.json())}"


@SUBJECT.says
def an_event_is_posted_signed(lab: Lab) -> None:
    """An event is posted as JSON: signature and event-data."""
    with _hook(lab, "told", "accepted"):
        label, to = "told", lab.address("to")
        lab.post(label, [to], lab.letter(label, [to]), o_testmode="yes")
        wanted = lab.message_id(label).strip("<>")
        found = lab.wait("an event to be posted", lambda: _told(lab, wanted))
    if not found:
        raise NotChecked(f"no event came within {lab.target.patience:.0f} s")
    signature = found[0]["signature"]
    triple = tuple(signature[name] for name in ("timestamp", "token", "signature"))
    true("another signature", signing.fits(lab.signing_key, *triple))
    true(found[0]["event-data"], found[0]["event-data"]["event"] == "accepted")


@SUBJECT.says
def an_account_has_webhooks(lab: Lab) -> None:
    """Webhooks of the account are made, read, changed and deleted by id (v1)."""
    url, text = lab.catch_url("account"), f"{lab.run}: a check, may be deleted"
    form = {"url": url, "event_types": _KIND, "description": text}
    made = lab.api.json("POST", "/v1/webhooks", files=_multipart(form))
    path = lab.path("v1", "webhooks", made["webhook_id"])
    try:
        found = lab.api.json("GET", path)
        true(found, found["url"] == url and found["event_types"] == [_KIND])
        form["event_types"] = _OTHER
        response = lab.api.call("PUT", path, files=_multipart(form))
        true(response.status_code, response.status_code == 204)
        found = lab.api.json("GET", "/v1/webhooks")["webhooks"]
        mine = [one for one in found if one["webhook_id"] == made["webhook_id"]]
        true(mine, [one["event_types"] for one in mine] == [[_OTHER]])
    finally:
        deleted = lab.api.call("DELETE", path)
    true(deleted.status_code, deleted.status_code == 204)
    true("still there", lab.api.call("GET", path).status_code == 404)


def _multipart(form: dict[str, str]) -> dict[str, tuple]:
    return {name: (None, value) for name, value in form.items()}


def _told(lab: Lab, message_id: str) -> list[dict]:
    """Return the posts about a message; other mail is none of our business."""
    posts = [
        json.loads(one.body)
        for one in lab.catches.read()
        if one.label == "told" and one.kind == "application/json"
    ]
    return [
        one
        for one in posts
        if one["event-data"]["message"]["headers"]["message-id"] == message_id
    ]


def _words(lab: Lab, answer: dict) -> str:
    """Return what an error says, under whatever name, without our URL."""
    words = " ".join(f"{name}: {value}" for name, value in answer.items())
    return words.replace(lab.target.catcher, "")
