"""Mail that people out there write."""

import email
import email.policy
import email.utils
import secrets
from dataclasses import dataclass, field
from email.message import EmailMessage

from ..memory.state import Mail


@dataclass
class Attachment:
    """A file that goes along."""

    filename: str
    content: bytes
    content_type: str = "application/octet-stream"


@dataclass
class Letter:
    """A new mail.

    :param sender: as the author writes it, with or without a name
    """

    sender: str
    to: str
    subject: str
    text: str
    cc: str = ""
    attachments: list[Attachment] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)

    def as_bytes(self) -> bytes:
        """Return the mail as it travels."""
        message = EmailMessage(email.policy.SMTP)
        message["From"], message["To"] = self.sender, self.to
        if self.cc:
            message["Cc"] = self.cc
        message["Subject"] = self.subject
        message["Date"] = email.utils.formatdate(localtime=True)
        message["Message-Id"] = f"<{secrets.token_hex(12)}@world.test>"
        for name, value in self.headers.items():
            message[name] = value
        message.set_content(self.text)
        for one in self.attachments:
            main, sub = one.content_type.split("/", 1)
            message.add_attachment(
                one.content, maintype=main, subtype=sub, filename=one.filename
            )
        return message.as_bytes()


def reply(
    mail: Mail,
    sender: str,
    text: str,
    attachments: list[Attachment] | None = None,
    to_all: bool = False,
) -> Letter:
    """Answer a mail as a mail program does: threaded, and with the text quoted.

    :param sender: who answers; one of those who got the mail
    :param to_all: also to everybody else in To and Cc
    """
    original = email.message_from_bytes(mail.raw, policy=email.policy.default)
    others = [str(original[name]) for name in ("To", "Cc") if to_all and original[name]]
    references = f"{original['References'] or ''} {mail.message_id}".strip()
    return Letter(
        sender=sender,
        to=str(original["Reply-To"] or original["From"]),
        cc=", ".join(others),
        subject=_reply_subject(mail.subject),
        text=f"{text.rstrip()}\n\n{_quote(original)}",
        attachments=attachments or [],
        headers={"In-Reply-To": mail.message_id, "References": references},
    )


def addresses(*values: str) -> list[str]:
    """Return the bare addresses in address lists."""
    # Newer Pythons find nothing at all when one of the lists is empty.
    filled = [value for value in values if value]
    found = [address for _name, address in email.utils.getaddresses(filled)]
    return [address for address in dict.fromkeys(found) if "@" in address]


def _reply_subject(subject: str) -> str:
    return subject if subject.lower().startswith("re:") else f"Re: {subject}"


def _quote(original: EmailMessage) -> str:
    body = original.get_body(("plain", "html"))
    lines = body.get_content().splitlines() if body else []
    quoted = "\n".join(f"> {line}" for line in lines)
    return f"On {original['Date']}, {original['From']} wrote:\n{quoted}\n"
