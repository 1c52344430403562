"""The bytes of a message as they travel, with headers that programs read left alone."""

import copy
import email.policy
import io
import re
from email.generator import BytesGenerator
from email.headerregistry import HeaderRegistry
from email.message import EmailMessage, Message

# RFC 5322, 2.1.1.
_MAX_LINE = 998

_SPACES = re.compile(r"(?=[ \t])")
_ENDS = re.compile(r"\r\n|\r|\n")

# Whose values Python knows how to fold: addresses, dates, parameters, the subject. The
# Message-Id is among them, and would be encoded when it is long.
_FOLDED = HeaderRegistry().registry.keys() - {"message-id"}


def flatten(message: Message) -> bytes:
    """Return the bytes that smtplib would put on the wire (``SMTP.send_message``).

    With the difference that Python folds what is longer than a line: an address of the
    web, or JSON, becomes "encoded words" then, and programs do not decode these
    (python/cpython#80222, odoo/odoo#289182).
    """
    visible = copy.copy(message)
    del visible["Bcc"]
    del visible["Resent-Bcc"]
    if isinstance(visible, EmailMessage):
        visible.policy = _WIRE
    buffer = io.BytesIO()
    BytesGenerator(buffer).flatten(visible, linesep="\r\n")
    return buffer.getvalue()


class _AsWritten(email.policy.EmailPolicy):
    """Folds for people; what programs read stays in one piece."""

    def fold_binary(self, name, value):
        """Return a header as bytes, see ``email.policy.Policy``."""
        text = str(value)
        if name.lower() in _FOLDED or not text.isascii():
            return super().fold_binary(name, value)
        # Those of a mail that travels as a file may be folded already.
        lines = [
            part for line in _ENDS.split(f"{name}: {text}") for part in _parted(line)
        ]
        return "".join(line + self.linesep for line in lines).encode("ascii")


_WIRE = _AsWritten(linesep="\r\n")


def _parted(line: str) -> list[str]:
    """Break a line that mail servers would not take, in front of spaces only."""
    if len(line) <= _MAX_LINE:
        return [line]
    parted = [""]
    for piece in _SPACES.split(line):
        if len(parted[-1] + piece) > _MAX_LINE and parted[-1].strip():
            parted.append("")
        parted[-1] += piece
    return parted
