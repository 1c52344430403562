"""Assumptions about sending."""

import re

from ..servers.sentences import NotChecked, Subject, true
from . import arrivals, mails, probes
from .lab import Lab

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
