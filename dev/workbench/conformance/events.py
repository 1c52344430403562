"""Assumptions about reading events."""

import email.utils
import time

from ..servers.sentences import Subject, true
from . import probes
from .lab import Lab

SUBJECT = Subject("events")

_MAX_PAGES = 50


@SUBJECT.says
def an_event_is_there_soon(lab: Lab) -> str:
    """An event can be read within half an hour of what happened."""
    lag = lab.once(probes.seen).lag
    true(f"{lag:.1f} s", lag < 1800)
    return f"the first ones after {lab.once(probes.seen).lag:.1f} s"


@SUBJECT.says
def an_event_has_id_and_time(lab: Lab) -> None:
    """An event has an id, a type, and the seconds since 1970 as a number."""
    seen = lab.once(probes.seen)
    for one in seen.events:
        true(one["id"], isinstance(one["id"], str) and one["id"])
        true(one["event"], isinstance(one["event"], str))
        true(one["timestamp"], isinstance(one["timestamp"], int | float))
        age = one["timestamp"] - seen.sent.began
        true(f"an event {age:.0f} s after its message", -300 < age < 3600)


@SUBJECT.says
def a_message_id_is_looked_for_without_brackets(lab: Lab) -> None:
    """The filter message-id takes the Message-Id without brackets."""
    seen = lab.once(probes.seen)
    found = _types(lab)
    true(found, "accepted" in found)
    unknown = probes.find_events(lab, lab.message_id("never"), seen.sent.began)
    true(f"{len(unknown)} events of a message that there is not", not unknown)


@SUBJECT.says
def types_are_joined_by_or(lab: Lab) -> None:
    """Several types of event are asked for with OR between them."""
    both, others = "accepted OR complained", "complained OR unsubscribed"
    found = _types(lab, event=both)
    true(f"{both!r} finds {found}", set(found) == {"accepted"})
    found = _types(lab, event=others)
    true(f"{others!r} finds {found}", not found)


@SUBJECT.says
def a_recipient_can_be_looked_for(lab: Lab) -> None:
    """The filter recipient leaves out the events of everybody else."""
    sent = lab.once(probes.sent)
    true("nothing for the recipient", "accepted" in _types(lab, recipient=sent.to))
    found = _types(lab, recipient=sent.other)
    true(f"{found} for somebody who is no recipient", not found)


@SUBJECT.says
def the_last_page_is_empty(lab: Lab) -> str:
    """Each page of events has the URL of a next one; the empty page is the last."""
    seen = lab.once(probes.seen)
    query = {
        "message-id": seen.sent.message_id.strip("<>"),
        "begin": f"{seen.sent.began - 60:.3f}",
        "ascending": "yes",
        "limit": "1",
    }
    address, options, sizes = probes.events_path(lab), {"params": query}, []
    while not sizes or sizes[-1]:
        page = lab.api.json("GET", address, **options)
        sizes.append(len(page["items"]))
        true(page["paging"], isinstance(page["paging"].get("next"), str))
        true(f"no empty page among {_MAX_PAGES}", len(sizes) < _MAX_PAGES)
        address, options = page["paging"]["next"], {}
    true(f"pages of {sizes} with limit=1", max(sizes) == 1)
    return f"pages of {sizes}"


@SUBJECT.says
def a_time_may_be_in_the_future_or_long_ago(lab: Lab) -> None:
    """A range may begin in 1970 and end in the future, with pages of 300."""
    message = lab.once(probes.seen).sent
    query = {
        "begin": "1",
        "end": f"{time.time() + 300:.3f}",
        "ascending": "yes",
        "limit": "300",
        "message-id": message.message_id.strip("<>"),
    }
    found = lab.api.json("GET", probes.events_path(lab), params=query)["items"]
    true("nothing", bool(found))


@SUBJECT.says
def odd_addresses_can_be_looked_for(lab: Lab) -> str:
    """The filter recipient finds addresses with plus, quote, dash and ampersand."""
    message = lab.once(odd_recipients)
    missing = []
    for address in message.to.split(","):
        found = lab.wait(
            "events of odd addresses",
            lambda who=address: probes.find_events(
                lab, message.message_id, message.began, recipient=who
            ),
        )
        missing += [] if found else [address.partition("@")[0].removeprefix(lab.run)]
    true(f"nothing for {missing}", not missing)
    return "all of them"


def odd_recipients(lab: Lab) -> probes.Sent:
    """Send a message in test mode to addresses that a filter may not understand."""
    to = [lab.address(one) for one in ("a+b", "o'neil", "-dash-", "a&b")]
    began = time.time()
    answer = lab.post("odd", to, lab.letter("odd", to[:1]), o_testmode="yes")
    message_id = lab.message_id("odd")
    return probes.Sent(message_id, ",".join(to), "", answer, began, time.time())


@SUBJECT.says
def logs_tell_the_same(lab: Lab) -> str:
    """The Logs have the same events, with the same ids, in their own spelling."""
    seen = lab.once(probes.seen)
    value = {"label": lab.domain, "value": lab.domain}
    mine = {"attribute": "domain", "comparator": "=", "values": [value]}
    query = {
        "start": email.utils.formatdate(seen.sent.began - 60),
        "filter": {"AND": [mine]},
        "pagination": {"sort": "timestamp:asc", "limit": 100},
    }
    wanted = {one["id"] for one in seen.events}

    def found() -> list[dict]:
        page = lab.api.json("POST", "/v1/analytics/logs", json=query)
        return [one for one in page["items"] if one["id"] in wanted]

    entries = lab.wait("the Logs", found, lambda items: len(items) >= len(wanted))
    true(f"{len(entries)} of {len(wanted)} ids", len(entries) == len(wanted))
    entry = entries[0]
    true(entry, isinstance(entry["@timestamp"], str))
    true(entry["user-variables"], isinstance(entry["user-variables"], str))
    return f"storage.url is a {type(entry.get('storage', {}).get('url')).__name__}"


def _types(lab: Lab, **filters: str) -> list[str]:
    sent = lab.once(probes.seen).sent
    found = probes.find_events(lab, sent.message_id, sent.began, **filters)
    return [one["event"] for one in found]
