"""What a Mailgun route posts, read: the mail's bytes and its envelope."""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace

from ..addresses import MAX_ADDRESS, as_written, domain_name
from ..errors import MalformedPayload, SettingError
from ..mailgun_url import trusted_origin
from ..sentence import Sentence as _lt
from .forms import Form
from .mail_head import CONTROLS, message_id_of, subject_of
from .parsed_form import rebuild

# An address that goes into a header must not be able to start another one.
_ADDRESS = re.compile(
    rf'(?:"[^{CONTROLS}"\\]+"|[^ {CONTROLS}<>,;]+)@[^ {CONTROLS}<>,;@]+'
)
_MAX_RECIPIENTS = 100
# Bytes of a field that holds addresses, each of which may be percent-encoded.
_MAX_RECIPIENT_FIELD = 3 * _MAX_RECIPIENTS * MAX_ADDRESS
_MAX_SENDER_FIELD = 3 * MAX_ADDRESS


@dataclass(frozen=True)
class InboundPost:
    """One mail with its envelope.

    :param raw: the exact bytes that were posted, or rebuilt from a parsed form
    :param sender: envelope sender, "" for a delivery report
    :param recipients: envelope recipients; Mailgun posts once for each
    :param message_id: in angle brackets, see ``mail_head.message_id_of``
    :param subject: as one line of text
    :param stored_url: where Mailgun keeps the whole mail, when ``raw`` is not all of it
    """

    raw: bytes
    sender: str
    recipients: tuple[str, ...]
    message_id: str
    subject: str
    stored_url: str = ""

    @classmethod
    def from_raw(
        cls,
        raw: bytes,
        sender: str,
        recipients: Iterable[str],
        stored_url: str = "",
    ) -> "InboundPost":
        """Describe a mail."""
        message_id, subject = message_id_of(raw), subject_of(raw)
        return cls(raw, sender, tuple(recipients), message_id, subject, stored_url)

    def on(self, names: Collection[str]) -> "InboundPost":
        """Return the same for those recipients alone that are on one of these domains.

        :param names: as they stand in DNS
        """
        return self.to([one for one in self.recipients if domain_name(one) in names])

    def to(self, chosen: Collection[str]) -> "InboundPost":
        """Return the same for some of its recipients."""
        found = (one for one in self.recipients if one in chosen)
        return replace(self, recipients=tuple(found))


def addressed_to(form: Form) -> list[str]:
    """Return what a post names as its recipients: anything, and nothing checked yet."""
    text = (form.text("recipient", _MAX_RECIPIENT_FIELD) or "").strip(" ,")
    # One address in every capture; a list of them is taken apart all the same. What
    # follows the last stays with it, and is no address then.
    return text.split(",", _MAX_RECIPIENTS - 1) if text else []


def read_inbound(form: Form) -> InboundPost:
    """Read a post whose signature has been checked.

    :raise MalformedPayload: when it can never become a mail, and why
    """
    recipients = _recipients(form)
    raw = form.content("body-mime")
    stored_url = "" if raw else _stored_url(form)
    raw = raw or rebuild(form)
    if raw is None:
        raise MalformedPayload(
            _lt("the post has neither headers, nor text, nor attachments")
        )
    return InboundPost.from_raw(raw, _sender(form), recipients, stored_url)


def _stored_url(form: Form) -> str:
    """Return where a route with ``store(notify=…)`` has put the mail, "" if it has not.

    Such a post has text and headers, and of the attachments only a list (user manual,
    "Store and retrieve"; anymail#132).
    """
    url = (form.text("message-url") or "").strip()
    if url:
        try:
            trusted_origin(url)
        except SettingError as error:
            raise MalformedPayload(
                _lt("where the mail is stored: %(why)s", why=error.sentence)
            ) from error
    return url


def _recipients(form: Form) -> list[str]:
    # Aliases are at names of DNS; a sender may have written the letters that they mean.
    found = [as_written(_address("recipient", text)) for text in addressed_to(form)]
    if not found:
        raise MalformedPayload(_lt("the field recipient is missing, or too long"))
    return found


def _sender(form: Form) -> str:
    text = (form.text("sender", _MAX_SENDER_FIELD) or "").strip()
    if text in ("", "<>"):
        return ""
    try:
        return _address("sender", text)
    except MalformedPayload:
        # Odd, but nothing depends on it; the mail's own headers say who wrote it.
        return ""


def _address(name: str, text: str) -> str:
    address = text.strip(" ").removeprefix("<").removesuffix(">")
    if not _ADDRESS.fullmatch(address) or len(address) > MAX_ADDRESS:
        raise MalformedPayload(
            _lt("the field %(name)s holds no valid address", name=name)
        )
    return address
