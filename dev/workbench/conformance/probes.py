"""Things that several checks look at, made once (``Lab.once``)."""

import time
from dataclasses import dataclass

from ..servers.sentences import NotChecked
from .lab import Lab


@dataclass
class Sent:
    """A message in test mode.

    :param message_id: in angle brackets
    :param to: the only recipient
    :param other: an address in Cc that is no recipient
    :param answer: of the API
    """

    message_id: str
    to: str
    other: str
    answer: dict
    began: float
    ended: float


@dataclass
class Seen:
    """Its events, as they were read first.

    :param lag: seconds until they were there
    """

    sent: Sent
    events: list[dict]
    lag: float


def domain(lab: Lab) -> dict:
    """Return what there is to know of the domain."""
    return lab.api.json("GET", lab.path("v4", "domains", lab.domain))


def sent(lab: Lab) -> Sent:
    """Send a message that Mailgun does not deliver."""
    to, other = lab.address("to"), lab.address("cc")
    mime = lab.letter("sent", [to], Cc=other)
    began = time.time()
    answer = lab.post("sent", [to], mime, o_testmode="yes")
    return Sent(lab.message_id("sent"), to, other, answer, began, time.time())


def seen(lab: Lab) -> Seen:
    """Wait for events of that message."""
    message = lab.once(sent)
    events = lab.wait(
        "the message's events",
        lambda: find_events(lab, message.message_id, began=message.began),
    )
    if not events:
        raise NotChecked(f"no event of it within {lab.target.patience:.0f} s")
    return Seen(message, events, time.time() - message.ended)


def find_events(lab: Lab, message_id: str, began: float, **filters: str) -> list[dict]:
    """Return a message's events, oldest first.

    :param message_id: in angle brackets
    :param began: seconds since 1970
    """
    query = {
        "begin": f"{began - 60:.3f}",
        "end": f"{time.time():.3f}",
        "ascending": "yes",
        "limit": "300",
        "message-id": message_id.strip("<>"),
        **filters,
    }
    return lab.api.json("GET", events_path(lab), params=query)["items"]


def events_path(lab: Lab) -> str:
    """Return the path of the domain's events."""
    return lab.path("v3", lab.domain, "events")
