"""What a Mailgun route posts, read: the mail's bytes and its envelope."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from .errors import MalformedPayload
from .forms import Form
from .mail_head import message_id_of, subject_of
from .parsed_form import rebuild

# An address that goes into a header must not be able to start another one.
_ADDRESS = re.compile(r"[^\x00-\x20\x7f<>,;]+@[^\x00-\x20\x7f<>,;@]+")
_MAX_ADDRESS = 320  # 64 + @ + 255, RFC 5321 4.5.3.1


@dataclass(frozen=True)
class InboundPost:
    """One mail with its envelope.

    :param raw: the exact bytes that were posted, or rebuilt from a parsed form
    :param sender: envelope sender, "" for a delivery report
    :param recipients: envelope recipients; Mailgun posts once for each
    :param message_id: in angle brackets, see ``mail_head.message_id_of``
    :param subject: as one line of text
    """

    raw: bytes
    sender: str
    recipients: tuple[str, ...]
    message_id: str
    subject: str

    @classmethod
    def from_raw(
        cls, raw: bytes, sender: str, recipients: Iterable[str]
    ) -> "InboundPost":
        """Describe a finished mail."""
        return cls(raw, sender, tuple(recipients), message_id_of(raw), subject_of(raw))


def read_inbound(form: Form) -> InboundPost:
    """Read a post whose signature has been checked.

    :raise MalformedPayload: when it can never become a mail, and why
    """
    recipients = _recipients(form)
    raw = form.content("body-mime") or _from_parsed(form)
    return InboundPost.from_raw(raw, _sender(form), recipients)


def _from_parsed(form: Form) -> bytes:
    if form.text("message-url"):
        raise MalformedPayload(
            "the route stores mail and only notifies of it, so the attachments are not "
            'here: use the action forward() instead of store(notify="...")'
        )
    raw = rebuild(form)
    if raw is None:
        raise MalformedPayload(
            "the post has neither headers, nor text, nor attachments"
        )
    return raw


def _recipients(form: Form) -> list[str]:
    text = form.text("recipient")
    if not text:
        raise MalformedPayload("the field 'recipient' is missing")
    if len(text) > _MAX_ADDRESS * 100:
        raise MalformedPayload("the field 'recipient' is too long")
    # One address in every capture; a list of them is taken apart all the same.
    return [_address("recipient", part) for part in text.strip(" ,").split(",")]


def _sender(form: Form) -> str:
    text = (form.text("sender") or "").strip()
    if text in ("", "<>"):
        return ""
    try:
        return _address("sender", text)
    except MalformedPayload:
        # Odd, but nothing depends on it; the mail's own headers say who wrote it.
        return ""


def _address(name: str, text: str) -> str:
    address = text.strip(" ").removeprefix("<").removesuffix(">")
    if not _ADDRESS.fullmatch(address) or len(address) > _MAX_ADDRESS:
        raise MalformedPayload(f"the field {name!r} holds no valid address")
    return address
