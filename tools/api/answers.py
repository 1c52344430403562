"""What an answer of Mailgun means: its content, or the error that says what to do.

Error texts come under different keys in different parts of the API, sometimes as plain
text or as the HTML page of a proxy (API reference, "Errors"; mailgun-js-boland#67).
"""

import json
import time

from ...const import API_URL_VARIABLE, LONGEST_WAIT
from ..errors import (
    ApiError,
    DoubtfulError,
    RefusedMessage,
    RefusedRecipient,
    SettingError,
    TransientError,
)
from .retry_hint import retry_at

# Answers that mean "again later". 420 is what Mailgun sends instead of 429 at times
# (mailgun-java#50).
_RETRY_STATUS = frozenset({420, 429})
# What is behind these may have been done all the same (feedback.mailgun.com: "5xx, but
# the mail was sent"; a gateway's 502 and 504 say only that the answer is missing).
_FAILURE_STATUS = frozenset({500, 502, 503, 504})
_TEXT_KEYS = ("message", "Reason", "Description", "Error", "error")
_MAX_DETAIL = 500


def body_of(response) -> dict:
    """Return the JSON object that was answered, or the text as its "message"."""
    try:
        body = response.json()
    except ValueError:
        body = None
    return body if isinstance(body, dict) else {"message": clip(response.text)}


def clip(text: str) -> str:
    """Return a text of one line, short enough for a message."""
    return " ".join(text.split())[:_MAX_DETAIL]


def detail_of(response) -> str:
    """Return Mailgun's own words, whichever of its keys they came under."""
    body = body_of(response)
    for key in _TEXT_KEYS:
        if isinstance(body.get(key), str):
            return clip(body[key])
    return clip(json.dumps(body))


def api_error(response, domain: str, region: str) -> ApiError:
    """Turn an answer that is not 200 into the error that says what to do.

    :param domain: that the call was about; "" when it was about the account
    :param region: "us" or "eu"
    """
    status, detail = response.status_code, detail_of(response)
    domain = domain or "this account"
    not_allowed = "not allowed to send" in detail.lower()
    limited = not_allowed and "try again" in detail.lower()
    if status in _FAILURE_STATUS:
        return DoubtfulError(
            f"Mailgun has trouble of its own and is asked again later (HTTP {status}): "
            f"{detail}",
            status,
            detail,
            retry_at(detail, body_of(response), response.headers, time.time()),
        )
    if status in _RETRY_STATUS or limited:
        return _limit(response, domain, detail)
    if status in _SETTING_SENTENCES and not _is_missing_thing(status, detail):
        sentence = _SETTING_SENTENCES[status].format(
            domain=domain, region=region.upper(), detail=detail.rstrip(".")
        )
        return SettingError(sentence, status, detail)
    if not_allowed:
        return SettingError(
            f"Mailgun does not let {domain} send yet: {detail} Check its DNS records "
            "and its state in Mailgun's control panel.",
            status,
            detail,
        )
    if status == 413:
        return RefusedMessage(
            "The message is larger than Mailgun takes (25 MB).", status, detail
        )
    if status < 400 or status > 499:
        return SettingError(
            f"What answers for Mailgun does not speak its API (HTTP {status}). Is "
            f"there a proxy between, or a wrong {API_URL_VARIABLE}?",
            status,
            detail,
        )
    refused = RefusedRecipient if "'to' parameter" in detail else RefusedMessage
    return refused(f"Mailgun refuses this: {detail}", status, detail)


def _limit(response, domain: str, detail: str) -> ApiError:
    """Tell a pause, which passes by itself, from a quota that somebody has to raise."""
    now, status = time.time(), response.status_code
    until = retry_at(detail, body_of(response), response.headers, now)
    if until - now > LONGEST_WAIT:
        return SettingError(
            f"Mailgun lets {domain} send no more for now: {detail} Raise the limit in "
            "Mailgun's control panel, or wait until then.",
            status,
            detail,
        )
    text = f"Mailgun asks to try again later: {detail}"
    return TransientError(text, status, detail, until)


def _is_missing_thing(status, detail):
    """Tell whether a 404 is about a route, a webhook, an address or a stored mail.

    Not always in the same words: "No spam complaints found for this address".
    """
    return status == 404 and "found" in detail and "omain" not in detail


_SETTING_SENTENCES = {
    401: (
        "Mailgun does not accept the API key for {domain} in region {region}. Check "
        "that it is the API key (not the webhook signing key), and whether the domain "
        "is in the other region."
    ),
    402: "Mailgun asks to settle the account before it sends for {domain}: {detail}.",
    403: (
        "The API key may not do this for {domain}: {detail}. Use a key with the role "
        "admin, or check the list of allowed IP addresses at Mailgun."
    ),
    404: (
        "Mailgun's {region} region does not know the domain {domain}. Check its "
        "spelling, and whether it was created in the other region."
    ),
}
