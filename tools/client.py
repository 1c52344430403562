"""The only place that speaks HTTP with Mailgun.

One :class:`MailgunClient` per region and key. Every failure leaves as one of three
errors that say what to do (see ``errors``); Mailgun's own words travel along in
``detail``, the key never does.
"""

import json
import os
from collections.abc import Iterable, Mapping
from urllib.parse import quote

import requests

from ..const import API_TIMEOUT, API_URL_VARIABLE, REGION_HOSTS
from .errors import RefusedMessage, SettingError, TransientError

# Answers that mean "again later". 420 is what Mailgun sends instead of 429 at times
# (mailgun-java#50).
_RETRY_STATUS = frozenset({420, 429, 500, 502, 503, 504})
_MAX_DETAIL = 500


def api_url(region: str) -> str:
    """Return where the API of a region ("us" or "eu") is, with no slash at its end."""
    override = os.environ.get(API_URL_VARIABLE, "").rstrip("/")
    if override:
        return override if region == "us" else f"{override}/{region}"
    return REGION_HOSTS[region]


class MailgunClient:
    """Calls Mailgun's API over one keep-alive connection.

    :param str region: "us" or "eu"
    :param str key: an API key, or a domain's sending key (may only post messages)
    """

    def __init__(self, region: str, key: str):
        self._region = region
        self._url = api_url(region)
        self._http = requests.Session()
        self._http.auth = ("api", key)

    def close(self) -> None:
        """Give the connection back."""
        self._http.close()

    def __enter__(self) -> "MailgunClient":
        return self

    def __exit__(self, *_error) -> None:
        self.close()

    # --- sending ---------------------------------------------------------------------

    def send_mime(
        self,
        domain: str,
        mime: bytes,
        recipients: Iterable[str],
        options: Mapping[str, str] = (),
    ) -> str:
        """Hand one finished message to Mailgun (``POST /v3/{domain}/messages.mime``).

        :param domain: the sending domain at Mailgun
        :param mime: the message, exactly as it shall travel
        :param recipients: the envelope: every address of To, Cc and Bcc
        :param options: ``o:…``, ``v:…`` and ``h:…`` fields
        :return: Mailgun's id, the Message-Id in angle brackets
        :raise TransientError: try again later
        :raise SettingError: repair a setting first
        :raise RefusedMessage: this message cannot be sent as it is
        """
        fields = [("to", address) for address in recipients]
        fields += list(dict(options).items())
        # A file name is required: without one Mailgun answers "'message' parameter is
        # not a file".
        files = {"message": ("message.mime", mime, "message/rfc822")}
        answer = self._call(
            "POST",
            f"/v3/{_part(domain)}/messages.mime",
            domain,
            data=fields,
            files=files,
        )
        identifier = answer.get("id")
        if not isinstance(identifier, str) or not identifier:
            # A wrong URL is answered 200 "Mailgun Magnificent API".
            raise SettingError(
                f"Mailgun's server answered, but not as a mail server for {domain}. "
                "Check the domain's name.",
                status=200,
                detail=_clip(json.dumps(answer)),
            )
        return identifier

    def check_sending(self, domain: str) -> None:
        """Prove that the key may send from ``domain``, without sending anything.

        Works with a sending key, which may do nothing but post: a message without
        recipients is refused as such (400) only after key and domain were accepted.

        :raise SettingError: key, region or domain are wrong
        :raise TransientError: no answer to be had now
        """
        try:
            self._call("POST", f"/v3/{_part(domain)}/messages", domain, data={})
        except RefusedMessage:
            return

    # --- domains ---------------------------------------------------------------------

    def get_domain(self, domain: str) -> dict:
        """Return what Mailgun knows of ``domain`` (``GET /v4/domains/{name}``).

        :return: ``{"domain": {"state": …}, "sending_dns_records": […], …}``
        :raise SettingError: key, region or domain are wrong, or a sending key asked
        :raise TransientError: no answer to be had now
        """
        return self._call("GET", f"/v4/domains/{_part(domain)}", domain)

    # --- one call --------------------------------------------------------------------

    def _call(self, method: str, path: str, domain: str, **arguments) -> dict:
        try:
            response = self._http.request(
                method,
                self._url + path,
                timeout=API_TIMEOUT,
                # A redirect would carry the key to wherever it points.
                allow_redirects=False,
                **arguments,
            )
        except requests.RequestException as error:
            raise _network_error(error, self._url) from error
        if response.status_code == 200:
            return _body(response)
        raise _api_error(response, domain, self._region)


def _part(text: str) -> str:
    return quote(text, safe="")


def _body(response) -> dict:
    try:
        body = response.json()
    except ValueError:
        body = None
    return body if isinstance(body, dict) else {"message": _clip(response.text)}


def _clip(text: str) -> str:
    return " ".join(text.split())[:_MAX_DETAIL]


def _detail(response) -> str:
    """Mailgun's own words, whichever of its keys they came under."""
    body = _body(response)
    for key in ("message", "Reason", "Description", "Error", "error"):
        if isinstance(body.get(key), str):
            return _clip(body[key])
    return _clip(json.dumps(body))


def _network_error(error, url: str) -> TransientError:
    # str(error) of requests repeats the whole URL and object addresses; name the kind.
    kind = type(error).__name__
    if isinstance(error, requests.exceptions.SSLError):
        return TransientError(
            f"The certificate of {url} is not trusted by this server ({kind}). If a "
            "proxy inspects traffic here, name its authority by REQUESTS_CA_BUNDLE.",
            detail=_clip(str(error)),
        )
    if isinstance(error, requests.exceptions.ReadTimeout):
        return TransientError(
            f"Mailgun at {url} took the request and did not answer in time ({kind}).",
            detail=_clip(str(error)),
        )
    return TransientError(
        f"Mailgun at {url} could not be reached ({kind}). Check this server's network, "
        "firewall and proxy for outgoing HTTPS.",
        detail=_clip(str(error)),
    )


def _api_error(response, domain: str, region: str):
    """Turn an answer that is not 200 into the error that says what to do."""
    status, detail = response.status_code, _detail(response)
    not_allowed = "not allowed to send" in detail.lower()
    limited = not_allowed and "try again" in detail.lower()
    if status in _RETRY_STATUS or limited:
        return TransientError(
            f"Mailgun asks to try again later: {detail}", status, detail
        )
    if status in _SETTING_SENTENCES:
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
    return RefusedMessage(f"Mailgun refuses the message: {detail}", status, detail)


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
