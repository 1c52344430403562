"""Assumptions about reading events."""

from . import probes
from .assumption import Group, expect
from .lab import Lab

GROUP = Group("events")

_MAX_PAGES = 50


@GROUP.assumes
def an_event_is_there_soon(lab: Lab) -> str:
    """An event can be read within half an hour of what happened."""
    lag = lab.once(probes.seen).lag
    expect(lag < 1800, f"{lag:.1f} s")
    return f"the first ones after {lab.once(probes.seen).lag:.1f} s"


@GROUP.assumes
def an_event_has_id_and_time(lab: Lab) -> None:
    """An event has an id, a type, and the seconds since 1970 as a number."""
    seen = lab.once(probes.seen)
    for one in seen.events:
        expect(isinstance(one["id"], str) and one["id"], one["id"])
        expect(isinstance(one["event"], str), one["event"])
        expect(isinstance(one["timestamp"], int | float), one["timestamp"])
        age = one["timestamp"] - seen.sent.began
        expect(-300 < age < 3600, f"an event {age:.0f} s after its message")


@GROUP.assumes
def a_message_id_is_looked_for_without_brackets(lab: Lab) -> None:
    """The filter message-id takes the Message-Id without brackets."""
    seen = lab.once(probes.seen)
    found = _types(lab)
    expect("accepted" in found, found)
    unknown = probes.find_events(lab, lab.message_id("never"), seen.sent.began)
    expect(not unknown, f"{len(unknown)} events of a message that there is not")


@GROUP.assumes
def types_are_joined_by_or(lab: Lab) -> None:
    """Several types of event are asked for with OR between them."""
    both, others = "accepted OR complained", "complained OR unsubscribed"
    found = _types(lab, event=both)
    expect(set(found) == {"accepted"}, f"{both!r} finds {found}")
    found = _types(lab, event=others)
    expect(not found, f"{others!r} finds {found}")


@GROUP.assumes
def a_recipient_can_be_looked_for(lab: Lab) -> None:
    """The filter recipient leaves out the events of everybody else."""
    sent = lab.once(probes.sent)
    expect("accepted" in _types(lab, recipient=sent.to), "nothing for the recipient")
    found = _types(lab, recipient=sent.other)
    expect(not found, f"{found} for somebody who is no recipient")


@GROUP.assumes
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
        expect(isinstance(page["paging"].get("next"), str), page["paging"])
        expect(len(sizes) < _MAX_PAGES, f"no empty page among {_MAX_PAGES}")
        address, options = page["paging"]["next"], {}
    expect(max(sizes) == 1, f"pages of {sizes} with limit=1")
    return f"pages of {sizes}"


def _types(lab: Lab, **filters: str) -> list[str]:
    sent = lab.once(probes.seen).sent
    found = probes.find_events(lab, sent.message_id, sent.began, **filters)
    return [one["event"] for one in found]
