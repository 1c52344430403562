"""Assumptions about sending."""

import re
import time

from ..servers.sentences import NotChecked, Subject, true
from . import arrivals, mails, probes
from .api import described
from .lab import Lab
from .target import SENDING_KEY

SUBJECT = Subject("sending")


@SUBJECT.says
def a_message_id_is_kept(lab: Lab) -> None:
    """The Message-Id of a MIME is kept, and returned in angle brackets."""
    sent = lab.once(probes.sent)
    true(sent.answer, sent.answer["id"] == sent.message_id)


@SUBJECT.says
def events_have_no_brackets(lab: Lab) -> None:
    """Events carry that Message-Id without the brackets."""
    seen = lab.once(probes.seen)
    ids = {one["message"]["headers"]["message-id"] for one in seen.events}
    true(ids, ids == {seen.sent.message_id.strip("<>")})


@SUBJECT.says
def only_to_is_the_envelope(lab: Lab) -> None:
    """Only who is in the field "to" gets a message, whatever its headers say."""
    seen = lab.once(probes.seen)
    recipients = {one["recipient"] for one in seen.events}
    true(f"events for {sorted(recipients)}", recipients == {seen.sent.to})


@SUBJECT.says
def test_mode_is_accepted(lab: Lab) -> None:
    """A message in test mode is accepted, and its events say that it is one."""
    seen = lab.once(probes.seen)
    flags = [one["flags"] for one in seen.events if one["event"] == "accepted"]
    true([one["event"] for one in seen.events], bool(flags))
    true(flags, all(one["is-test-mode"] is True for one in flags))


@SUBJECT.says
def test_mode_is_not_delivered(lab: Lab) -> None:
    """A message in test mode is not delivered."""
    arrived = lab.once(arrivals.stage)
    # Sent after it, to the same address.
    if not arrived.posts("raw", "plain"):
        raise NotChecked("the mail that was sent after it did not arrive either")
    true("it arrived", not arrived.caught("raw", "test"))


@SUBJECT.says
def a_bcc_header_is_removed(lab: Lab) -> None:
    """A Bcc header of the MIME does not reach the recipients."""
    arrived = lab.once(arrivals.stage)
    if lab.target.is_sandbox:
        raise NotChecked("undocumented; the local Mailgun keeps it, to be on our guard")
    posts = arrived.posts("raw", "plain")
    if not posts:
        raise NotChecked("the mail did not arrive")
    head = posts[0].fields["body-mime"].partition(b"\r\n\r\n")[0]
    found = re.search(rb"^Bcc:.*", head, re.IGNORECASE | re.MULTILINE)
    true(found and found[0].decode().strip(), found is None)


@SUBJECT.says
def a_message_may_be_a_field(lab: Lab) -> None:
    """A MIME that is a field without file name is taken, though documented as not."""
    to = lab.address("to")
    mime = mails.with_file(lab.message_id("field"), lab.address("sender"), [to])
    fields = {"to": to, "o:testmode": "yes", "message": mime}
    form = {name: (None, value) for name, value in fields.items()}
    lab.api.json("POST", lab.messages, files=form)


@SUBJECT.says
def a_wrong_key_is_forbidden(lab: Lab) -> None:
    """A wrong key is answered 401 with the plain text Forbidden."""
    response = lab.api.call("POST", lab.messages, auth=("api", lab.run))
    found = response.status_code, response.text.strip()
    true(found, found == (401, "Forbidden"))


@SUBJECT.says
def an_unknown_domain_is_forbidden(lab: Lab) -> None:
    """An unknown domain is answered 401 with the plain text Forbidden, as a key is."""
    path = lab.path("v3", f"{lab.run}.example.com", "messages.mime")
    response = lab.api.call("POST", path)
    found = response.status_code, response.text.strip()
    true(found, found == (401, "Forbidden"))


@SUBJECT.says
def an_empty_post_shows_a_good_key(lab: Lab) -> str:
    """An empty post to /messages is answered 400 when the key is good."""
    path = lab.path("v3", lab.domain, "messages")
    return lab.api.json("POST", path, 400)["message"]


@SUBJECT.says
def a_bad_address_has_its_words(lab: Lab) -> str:
    """An address that is none is refused with 400 and "to parameter", no quotes."""
    form = {"to": "nobody", "o:testmode": "yes"}
    files = {"message": ("bad.mime", lab.letter("bad", ["nobody"]), "message/rfc822")}
    words = lab.api.json("POST", lab.messages, 400, data=form, files=files)["message"]
    true(words, words.startswith("to parameter is not a valid address"))
    return words


@SUBJECT.says
def a_stranger_is_taken_or_named(lab: Lab) -> str:
    """Mail to a stranger is taken, or refused with 403 and "authorized recipients"."""
    form = {"to": f"{lab.run}@example.com", "o:testmode": "yes"}
    mime = lab.letter("stranger", [form["to"]])
    files = {"message": ("stranger.mime", mime, "message/rfc822")}
    response = lab.api.call("POST", lab.messages, data=form, files=files)
    is_named = response.status_code == 403 and "authorized recipients" in response.text
    true(described(response), response.status_code == 200 or is_named)
    return "taken" if response.ok else "refused: only registered addresses get mail"


@SUBJECT.says
def variables_come_back(lab: Lab) -> None:
    """A v: option comes back as text in the events' user-variables."""
    _comes_back(lab, "option", {}, **{"v:odoo": "mark.1"})


@SUBJECT.says
def variables_in_a_header_come_back(lab: Lab) -> None:
    """So does what the header X-Mailgun-Variables of a MIME holds."""
    _comes_back(lab, "header", {"X-Mailgun-Variables": '{"odoo": "mark.1"}'})


def _comes_back(lab: Lab, label: str, headers: dict[str, str], **options: str) -> None:
    to, began = lab.address(label), time.time()
    lab.post(
        label, [to], lab.letter(label, [to], **headers), o_testmode="yes", **options
    )
    events = lab.wait(
        "the message's events",
        lambda: probes.find_events(lab, lab.message_id(label), began),
    )
    if not events:
        raise NotChecked(f"no event of it within {lab.target.patience:.0f} s")
    true(events[0], events[0]["user-variables"] == {"odoo": "mark.1"})


@SUBJECT.says
def a_sending_key_sends_and_nothing_else(lab: Lab) -> str:
    """A sending key is good for an empty post (400), and is 401 or 403 elsewhere."""
    if not lab.target.sending_key:
        raise NotChecked(f"{SENDING_KEY} is not set")
    auth = ("api", lab.target.sending_key)
    path = lab.path("v3", lab.domain, "messages")
    empty = lab.api.call("POST", path, auth=auth)
    true(described(empty), empty.status_code == 400)
    elsewhere = [
        lab.api.call("GET", address, auth=auth)
        for address in ("/v4/domains", "/v3/routes", probes.events_path(lab))
    ]
    found = [one.status_code for one in elsewhere]
    true(found, set(found) <= {401, 403})
    return "; ".join(described(one) for one in elsewhere)
