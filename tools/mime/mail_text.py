"""The text of a mail, for people who decide what becomes of it."""

import email
import email.policy

# Enough for every text that somebody reads; a mail may have 64 MB of attachments.
_MAX_READ = 256 * 1024

_NOTHING = ("plain", "")


def text_of(raw: bytes) -> tuple[str, str]:
    """Return the kind of the mail's text, ``plain`` or ``html``, and the text.

    :return: ``("plain", "")`` when the mail has no text, or none that can be read
    """
    mail = email.message_from_bytes(raw[:_MAX_READ], policy=email.policy.SMTP)
    try:
        part = mail.get_body(preferencelist=("plain", "html"))
        return (part.get_content_subtype(), part.get_content()) if part else _NOTHING
    except Exception:  # noqa: BLE001
        # Python's parser raises all kinds of errors for odd mails (unknown charsets,
        # malformed headers); the bytes can still be downloaded.
        return _NOTHING
