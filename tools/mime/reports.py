"""Reports of mail servers: which of them says that a mail came back.

A multipart/report may as well tell that a mail is late or was passed on (RFC 3464,
2.3.3), that somebody has read it (RFC 8098), or that it was called spam (RFC 5965).
"""

from collections.abc import Iterator
from email.message import Message

# What a report is about, when it is not about delivery.
_OTHER_REPORTS = ("disposition-notification", "feedback-report")

_FAILED = "failed"


def says_failed(message: Message) -> bool:
    """Tell whether a delivery report says that a mail was not delivered.

    Many servers write in words alone: where nothing says otherwise, it failed.

    :param message: a mail that looks like a report
    """
    try:
        actions = {action.strip().lower() for action in _actions(message)}
        if actions:
            return _FAILED in actions
        kinds = {part.get_content_subtype() for part in message.walk()}
        kind = str(message.get_param("report-type") or "").lower()
        return kind not in _OTHER_REPORTS and kinds.isdisjoint(_OTHER_REPORTS)
    except Exception:  # noqa: BLE001  Python's parser raises anything on odd mail
        return True


def _actions(message: Message) -> Iterator[str]:
    """Yield what was done about each recipient."""
    for part in message.walk():
        if part.get_content_type() != "message/delivery-status":
            continue
        blocks = part.get_payload()
        for block in blocks if isinstance(blocks, list) else ():
            if action := block.get("Action"):
                yield str(action)
