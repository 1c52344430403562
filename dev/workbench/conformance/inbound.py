"""Assumptions about mail that comes in."""

import email
import json
import re
import time

from ..servers.sentences import NotChecked, Subject, true
from . import arrivals, mails, probes, signing
from .lab import Lab

SUBJECT = Subject("inbound")

_FORM, _MULTIPART = "application/x-www-form-urlencoded", "multipart/form-data"
_RAW = {"Accept": "message/rfc2822"}


@SUBJECT.says
def each_recipient_gets_a_post(lab: Lab) -> None:
    """A mail to two recipients is posted twice, once for each."""
    posts = lab.once(arrivals.stage).posts("raw", "plain", 2)
    found = sorted(one.text("recipient") for one in posts)
    true(found, found == [lab.address("raw-1"), lab.address("raw-2")])


@SUBJECT.says
def a_recipient_is_one_address(lab: Lab) -> None:
    """The field recipient holds one address."""
    arrived = lab.once(arrivals.stage)
    arrived.first("parsed", "file")
    found = {
        post.text("recipient")
        for route in ("raw", "parsed")
        for post in arrived.caught(route)
    }
    true(found, all(re.fullmatch(r"[^@,\s]+@[^@,\s]+", one) for one in found))


@SUBJECT.says
def a_post_is_signed(lab: Lab) -> None:
    """A post has timestamp, token and signature, made with the signing key."""
    timestamp, token, signature = (
        lab.once(arrivals.stage).first("raw", "plain").signature
    )
    true(f"timestamp {timestamp!r}", timestamp.isdigit())
    true(f"a token of {len(token)} characters", len(token) == 50)
    true("another one", signing.fits(lab.signing_key, timestamp, token, signature))


@SUBJECT.says
def a_url_with_mime_gets_the_mime(lab: Lab) -> None:
    """A URL that ends in mime gets body-mime, and no parsed bodies."""
    fields = lab.once(arrivals.stage).first("raw", "plain").fields
    true(sorted(fields), "body-mime" in fields)
    true(sorted(fields), "body-plain" not in fields)


@SUBJECT.says
def another_url_gets_the_parsed_mail(lab: Lab) -> None:
    """Another URL gets body-plain and message-headers, and no body-mime."""
    fields = lab.once(arrivals.stage).first("parsed", "text").fields
    true(sorted(fields), {"body-plain", "message-headers"} <= set(fields))
    true(sorted(fields), "body-mime" not in fields)


@SUBJECT.says
def the_mime_is_urlencoded(lab: Lab) -> None:
    """The form with the MIME is urlencoded, with and without an attachment."""
    arrived = lab.once(arrivals.stage)
    found = [arrived.first("raw", mail).kind for mail in ("plain", "file")]
    true(found, found == [_FORM, _FORM])


@SUBJECT.says
def files_make_the_parsed_form_multipart(lab: Lab) -> None:
    """The parsed form is urlencoded, or multipart when there are files in it."""
    arrived = lab.once(arrivals.stage)
    found = [arrived.first("parsed", mail) for mail in ("text", "file")]
    kinds = [one.kind for one in found]
    true(kinds, kinds == [_FORM, _MULTIPART])
    true(found[1].files, found[1].files == ["attachment-1"])


@SUBJECT.says
def a_message_id_arrives(lab: Lab) -> None:
    """The Message-Id is that of the mail, in the MIME and in the parsed form."""
    arrived = lab.once(arrivals.stage)
    for route, mail in (("raw", "plain"), ("parsed", "text")):
        found = arrived.first(route, mail).message_id
        true(found, found == lab.message_id(mail))


@SUBJECT.says
def bytes_arrive_unchanged(lab: Lab) -> None:
    """Bytes of the MIME that are no UTF-8 arrive unchanged."""
    raw = lab.once(arrivals.stage).first("raw", "plain").fields["body-mime"]
    body = raw.replace(b"\r\n", b"\n").partition(b"\n\n")[2]
    encoding = email.message_from_bytes(raw)["Content-Transfer-Encoding"] or "8bit"
    if encoding.lower() in ("quoted-printable", "base64"):
        raise NotChecked(f"the mail was sent on as {encoding}")
    true(body[:200], body.rstrip() == mails.LATIN.rstrip())


@SUBJECT.says
def a_delivery_report_has_no_sender(lab: Lab) -> None:
    """The field sender is there and empty when the envelope has no sender."""
    arrived = lab.once(arrivals.stage)
    if not lab.target.is_sandbox:
        raise NotChecked("Mailgun's API sends no mail with an empty envelope sender")
    to = lab.address("raw-1")
    lab.api.json(
        "POST",
        "/sandbox/inbound",
        params={"recipient": to, "sender": ""},
        data=lab.letter("report", [to]),
    )
    sender = arrived.first("raw", "report").fields.get("sender")
    true(sender, sender == b"")


@SUBJECT.says
def a_mail_can_be_read_again(lab: Lab) -> None:
    """A mail that came in is at the storage URL of its events."""
    body = lab.api.json("GET", lab.once(_stored_url))
    true(body["message-headers"], isinstance(body["message-headers"], list))
    true(body["recipients"], lab.address("parsed-1") in body["recipients"])


@SUBJECT.says
def a_mail_can_be_read_as_mime(lab: Lab) -> None:
    """With Accept: message/rfc2822 that is JSON with the MIME in body-mime."""
    body = lab.api.json("GET", lab.once(_stored_url), headers=_RAW)
    found = email.message_from_string(body["body-mime"])["Message-Id"]
    true(found, found == lab.message_id("text"))
    missing = {"recipients", "sender", "from", "subject"} - set(body)
    true(f"no {sorted(missing)}", not missing)


@SUBJECT.says
def a_repeated_post_has_its_old_signature(lab: Lab) -> None:
    """A post that was answered 500 comes again, with the same signature."""
    arrived = lab.once(arrivals.stage)
    _require_patience(lab)
    posts = arrived.posts("again", "again", 2)
    true(f"{len(posts)} posts in {lab.target.patience:.0f} s", len(posts) > 1)
    found = {one.signature for one in posts}
    true(f"{len(found)} signatures", len(found) == 1)


@SUBJECT.says
def a_refused_post_is_not_repeated(lab: Lab) -> None:
    """A post that was answered 406 does not come again."""
    arrived = lab.once(arrivals.stage)
    _require_patience(lab)
    if len(arrived.posts("again", "again", 2)) < 2:
        raise NotChecked("nothing was repeated")
    time.sleep(max(lab.target.first_retry / 10, 0.1))
    posts = arrived.caught("refused")
    true(f"{len(posts)} posts", len(posts) == 1)


@SUBJECT.says
def a_post_that_is_unauthorized_is_repeated(lab: Lab) -> None:
    """A post that was answered 401 comes again."""
    arrived = lab.once(arrivals.stage)
    _require_patience(lab)
    posts = arrived.posts("unauthorized", "unauthorized", 2)
    true(f"{len(posts)} posts in {lab.target.patience:.0f} s", len(posts) > 1)


@SUBJECT.says
def files_have_names_and_ids(lab: Lab) -> str:
    """The parsed form names files, and says by content-id-map which is which."""
    post = lab.once(arrivals.stage).first("parsed", "odd")
    true(post.files, len(post.files) >= 2)
    ids = json.loads(post.text("content-id-map") or "{}")
    true(ids, set(ids.values()) <= set(post.files))
    return f"{len(post.files)} of 3 files; content-id-map {sorted(ids.values())}"


@SUBJECT.says
def events_tell_of_mail_that_came_in(lab: Lab) -> str:
    """Events about it have routes[].match.recipient, and storage.url is a text."""
    lab.once(_stored_url)
    began = lab.once(arrivals.stage).began
    events = probes.find_events(lab, lab.message_id("text"), began)
    routed = [one for one in events if one.get("routes")]
    true([one["event"] for one in events], bool(routed))
    found = routed[0]["routes"][0]["match"]["recipient"]
    true(found, found == lab.address("parsed-1"))
    true(routed[0]["storage"], isinstance(routed[0]["storage"]["url"], str))
    return ", ".join(sorted({one["event"] for one in events}))


@SUBJECT.says
def a_spam_filter_that_tags_writes_above_received(lab: Lab) -> str:
    """With spam_action tag the verdicts stand above Received, X-Mailgun-Sflag too."""
    about = lab.once(probes.domain)["domain"]
    if about["spam_action"] != "tag":
        raise NotChecked(f"spam_action is {about['spam_action']}; nothing is changed")
    if lab.target.is_sandbox:
        raise NotChecked("the local Mailgun filters nothing")
    raw = lab.once(arrivals.stage).first("raw", "plain").fields["body-mime"]
    names = [name.lower() for name in email.message_from_bytes(raw).keys()]
    true(names[:20], "x-mailgun-sflag" in names)
    above = names.index("x-mailgun-sflag") < names.index("received")
    true("below Received", above)
    return ", ".join(one for one in names if one.startswith("x-mailgun"))


def _require_patience(lab: Lab) -> None:
    if lab.target.patience < lab.target.first_retry * 1.1:
        wanted = f"{lab.target.first_retry * 1.1:.0f}"
        raise NotChecked(f"it takes ten minutes; --wait {wanted} waits for it")


def _stored_url(lab: Lab) -> str:
    """Return where Mailgun says that the mail "text" can be read."""
    arrived = lab.once(arrivals.stage)

    def find() -> list[str]:
        events = probes.find_events(lab, lab.message_id("text"), arrived.began)
        return [
            one["storage"]["url"] for one in events if one["flags"].get("is-routed")
        ]

    urls = lab.wait("the event of the mail that came in", find)
    if not urls:
        raise NotChecked(f"no such event within {lab.target.patience:.0f} s")
    return urls[0]
