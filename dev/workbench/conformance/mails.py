"""Mails that the checks send, byte by byte."""

from email.message import EmailMessage
from email.policy import SMTP

# No UTF-8, so it shows whether anybody took the bytes for a text.
LATIN = b"caf\xe9 \xa4 \xff, as it was written\r\n"


def plain(message_id: str, sender: str, to: list[str], **headers: str) -> bytes:
    """Return a mail in Latin-1, without any encoding of its bytes."""
    lines = {
        "From": sender,
        "To": ", ".join(to),
        "Subject": "A conformance check, to be ignored",
        "Message-Id": message_id,
        **headers,
        "MIME-Version": "1.0",
        "Content-Type": "text/plain; charset=iso-8859-1",
        "Content-Transfer-Encoding": "8bit",
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return head.encode() + b"\r\n" + LATIN


def with_file(message_id: str, sender: str, to: list[str]) -> bytes:
    """Return a mail with an attachment."""
    message = EmailMessage(SMTP)
    message["From"], message["To"] = sender, ", ".join(to)
    message["Subject"] = "A conformance check with a file, to be ignored"
    message["Message-Id"] = message_id
    message.set_content("A file is attached.\n")
    message.add_attachment(
        bytes(range(256)),
        maintype="application",
        subtype="octet-stream",
        filename="bytes.bin",
    )
    return message.as_bytes()


def with_odd_files(message_id: str, sender: str, to: str) -> bytes:
    """Return a mail with a picture in its text, and files with odd names."""
    message = EmailMessage(SMTP)
    message["From"], message["To"] = sender, to
    message["Subject"] = "A conformance check with odd files, to be ignored"
    message["Message-Id"] = message_id
    message.set_content("A picture and two files.\n")
    message.add_alternative('<img src="cid:picture@check">', subtype="html")
    picture = {"maintype": "image", "subtype": "png"}
    html = message.get_payload()[1]
    html.add_related(b"picture", cid="<picture@check>", filename="a.png", **picture)
    kind = {"maintype": "application", "subtype": "octet-stream"}
    message.add_attachment(b"no name", **kind)
    message.add_attachment(b"czech", filename="p\u0159\u00edloha.bin", **kind)
    return message.as_bytes()
