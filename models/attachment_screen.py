"""Looking at the files of a mail that core has parsed, before they are posted."""

from dataclasses import dataclass
from email.message import EmailMessage

from ..tools.attachment_type import Judgement, declared_types, judge, readable_name

#: Key in core's ``info`` of an attachment: the type to store it with.
STORED_TYPE = "mailgun_stored_type"

# What core calls the copy of the mail that an incoming server may ask for, and the only
# attachment without an encoding in its ``info`` (mail_thread.py,
# ``_message_parse_extract_payload``).
_ORIGINAL = "original_email.eml"


@dataclass(eq=False)
class ScreenedFile:
    """An attachment as core will post it, and what is to be said of it.

    :param attachment: core's tuple
    :param name: as it may be shown
    :param data: the content as bytes
    :param declared_type: by the mail, or ""
    :param is_original: this is the whole mail, with all the others in it
    """

    attachment: tuple
    name: str
    data: bytes
    declared_type: str
    judgement: Judgement
    is_original: bool

    def describe(self, env):
        """Say why the file is dangerous, or why it is held back with one that is."""
        kind, ending = self.judgement.true_type, self.judgement.ending
        reasons = {
            "": env._("It holds the whole mail with every file in it."),
            "program": env._("It is a program, or starts one (%s).", kind),
            "ending": env._("Opening a .%s file can start a program.", ending),
            "macros": env._(
                "It is a document with macros: opening it can start a program."
            ),
            "pretence": env._(
                "It pretends to be something else and is a program (%s).", kind
            ),
            "double_ending": env._(
                "Its name looks like that of a document, and its last ending, .%s, can "
                "start a program.",
                ending,
            ),
            "reversed_name": env._(
                "Its name contains characters that make it read backwards."
            ),
        }
        return reasons[self.judgement.sign]


def screen(message, attachments):
    """Judge every file of a mail and set the type that it is stored with.

    :param EmailMessage message: the mail as core has parsed it
    :param list attachments: core's tuples; their ``info`` gets the type
    :rtype: list[ScreenedFile]
    """
    declared = declared_types(message)
    return [_screen(attachment, declared) for attachment in attachments]


def _screen(attachment, declared):
    # Other modules may add files, for which core takes a name and a content as well.
    name, content, info = (*attachment, None)[:3]
    info = {} if info is None else info
    kind = declared.get(name, "")
    data = _bytes_of(content, info.get("encoding"))
    if isinstance(content, EmailMessage):
        # Named by its subject as a rule: "Your order at example.com" is no program.
        judgement = Judgement("message/rfc822", "", "", "")
    else:
        judgement = judge(name, kind, data)
    if judgement.mimetype:
        info[STORED_TYPE] = judgement.mimetype
    is_original = name == _ORIGINAL and "encoding" not in info
    return ScreenedFile(
        attachment, readable_name(name), data, kind, judgement, is_original
    )


def _bytes_of(content, encoding):
    """Return the bytes that core will store (``_process_attachments_for_post``)."""
    if isinstance(content, EmailMessage):
        return content.as_bytes()
    if not isinstance(content, str):
        return content or b""
    try:
        return content.encode(encoding or "utf-8")
    except (UnicodeEncodeError, LookupError):
        return content.encode("utf-8", "replace")
