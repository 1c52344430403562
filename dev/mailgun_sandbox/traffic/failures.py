"""Events of what was not delivered (user manual, "Event structure")."""

from ..memory.state import Mail, Post
from .event_shapes import attempt, outcome

BOUNCE_CODE = 550
BOUNCE_WORDS = "5.1.1 The email account that you tried to reach does not exist."

# Mailgun's codes for what it does not even try to deliver.
_SUPPRESSED = {
    "suppress-bounce": (605, "Not delivering to previously bounced address"),
    "suppress-unsubscribe": (606, "Not delivering to unsubscribed address"),
    "suppress-complaint": (
        607,
        "Not delivering to a user who marked your messages as spam",
    ),
}


def failed(
    mail: Mail,
    url: str,
    recipient: str,
    reason: str,
    status: dict,
    severity: str = "permanent",
    routed: bool = False,
) -> dict:
    """Return the event of a delivery that did not work."""
    return {
        **outcome(mail, "failed", url, recipient, routed),
        "log-level": "error" if severity == "permanent" else "warn",
        "severity": severity,
        "reason": reason,
        "delivery-status": {**attempt(), **status},
    }


def bounced(mail: Mail, url: str, recipient: str) -> dict:
    """Return the event of a message to an address that does not exist."""
    status = {
        "code": BOUNCE_CODE,
        "message": BOUNCE_WORDS,
        "enhanced-code": "5.1.1",
        "bounce-type": "hard",
    }
    return failed(mail, url, recipient, "bounce", status)


def not_posted(mail: Mail, url: str, target: str, post: Post) -> dict:
    """Return the event of an attempt of a route that was not taken."""
    last, status = post.attempts[-1], {"attempt-no": len(post.attempts)}
    status |= {"code": last.status, "message": last.text}
    severity = "permanent"
    if post.outcome == "waiting":
        severity = "temporary"
        status["retry-seconds"] = int(post.next_at - last.at)
    return failed(mail, url, target, "generic", status, severity, routed=True)


def deferred(mail: Mail, url: str, recipient: str, number: int, wait: float) -> dict:
    """Return the event of a server that wants the message later.

    :param number: of the attempt
    :param wait: seconds until the next one
    """
    status = {
        "attempt-no": number,
        "code": 421,
        "message": "4.7.0 Try again later",
        "retry-seconds": int(wait),
    }
    return failed(mail, url, recipient, "generic", status, "temporary")


def too_old(mail: Mail, url: str, recipient: str, number: int) -> dict:
    """Return the event of a message that nobody took in all the time."""
    status = {"attempt-no": number, "code": 602, "message": "Too old"}
    return failed(mail, url, recipient, "old", status)


def suppressed(mail: Mail, url: str, recipient: str, reason: str) -> dict:
    """Return the event of a message to an address on a suppression list."""
    code, description = _SUPPRESSED[reason]
    event = failed(mail, url, recipient, reason, {})
    event["delivery-status"] = {
        "attempt-no": 1,
        "message": "",
        "code": code,
        "description": description,
        "session-seconds": 0,
    }
    return event
