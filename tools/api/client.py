"""The only place that speaks HTTP with Mailgun.

One :class:`MailgunClient` per region and key. Every failure leaves as one of three
errors that say what to do (see ``errors``); Mailgun's own words travel along in
``detail``, the key never does.
"""

import io
import json
import re
import time
from collections.abc import Iterable, Mapping
from urllib.parse import quote

import requests
from urllib3.exceptions import HTTPError, ProtocolError
from urllib3.filepost import encode_multipart_formdata

from ...const import API_TIMEOUT
from ..errors import (
    ApiError,
    DoubtfulError,
    RefusedMessage,
    SettingError,
    TransientError,
)
from ..mailgun_url import api_url, trusted_origin
from .answers import api_error, body_of, clip

# Neither a key nor the id of a sub-account has anything else.
_VISIBLE = re.compile(r"[!-~]*")

_DONE = (200, 202, 204)

# Seconds after which an unused connection is not trusted any more: what is written to
# one that the other side has just closed may or may not have been read.
_IDLE_LIMIT = 15


class MailgunClient:
    """Calls Mailgun's API over one keep-alive connection.

    :param str region: "us" or "eu"
    :param str key: an API key, or a domain's sending key (may only post messages)
    :param str subaccount: id of the sub-account to act for ("Subaccounts" manual)
    :raise SettingError: key, sub-account or the API's address cannot be used
    """

    def __init__(self, region: str, key: str, subaccount: str = ""):
        if not _VISIBLE.fullmatch(key + subaccount):
            raise SettingError(
                "The API key or the sub-account ID has characters that none of "
                "Mailgun's has. Copy it anew from Mailgun's control panel."
            )
        self.region = region
        self._key = key
        self._url = api_url(region)
        self._used_at = 0.0
        self._http = _Http()
        # Looked up once: for each request anew it takes a third of its time.
        self._usual = _environment(self._url)
        if subaccount:
            self._http.headers["X-Mailgun-On-Behalf-Of"] = subaccount

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
        :raise TransientError: try again later; nothing was accepted
        :raise DoubtfulError: nobody knows whether it was accepted
        :raise SettingError: repair a setting first
        :raise RefusedMessage: this message cannot be sent as it is
        """
        fields = [("to", address) for address in recipients]
        for name, values in dict(options).items():
            several = [values] if isinstance(values, str) else values
            fields += [(name, value) for value in several]
        # A file name is required: without one Mailgun answers "'message' parameter is
        # not a file".
        fields.append(("message", ("message.mime", mime, "message/rfc822")))
        content, content_type = encode_multipart_formdata(fields)
        body = _Body(content)
        try:
            answer = self.call(
                "POST",
                path("/v3/{}/messages.mime", domain),
                domain,
                data=body,
                headers={"Content-Type": content_type},
            )
        except ApiError as error:
            is_doubtful = isinstance(error, DoubtfulError)
            if error.status or is_doubtful == body.was_read:
                raise
            kind = DoubtfulError if body.was_read else TransientError
            raise kind(str(error), detail=error.detail) from error
        identifier = answer.get("id")
        if not isinstance(identifier, str) or not identifier:
            # A wrong URL is answered 200 "Mailgun Magnificent API".
            raise SettingError(
                f"Mailgun's server answered, but not as a mail server for {domain}. "
                "Check the domain's name.",
                status=200,
                detail=clip(json.dumps(answer)),
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
            self.call("POST", path("/v3/{}/messages", domain), domain, data={})
        except RefusedMessage:
            return

    # --- one call --------------------------------------------------------------------

    def call(
        self,
        method: str,
        address: str,
        domain: str = "",
        timeout: float = API_TIMEOUT,
        **content,
    ) -> dict:
        """Call the API once; the key goes to Mailgun only, and to no redirect.

        :param address: a path, or a whole URL that Mailgun gave
        :param domain: that the call is about, for the error's sentence
        :param timeout: seconds without a byte
        :param content: of a ``requests.Request``
        :return: the JSON object answered; a text comes as its "message"
        :raise ApiError: every answer but 2xx, and none at all
        """
        is_usual = address.startswith("/")
        url = self._url + address if is_usual else address
        request = self._request(method, url, content)
        settings = self._usual if is_usual else _environment(request.url)
        if time.monotonic() - self._used_at > _IDLE_LIMIT:
            self._http.close()
        try:
            response = self._http.send(request, timeout=timeout, **settings)
        except (OSError, ValueError, HTTPError) as error:
            raise _network_error(error, trusted_origin(request.url)) from error
        self._used_at = time.monotonic()
        if response.status_code in _DONE:
            return body_of(response)
        raise api_error(response, domain, self.region)

    def _request(self, method, url, content):
        """Return a request that may be sent as it is, with the key in it.

        :raise SettingError: it would go elsewhere, or can be read in two ways
        """
        try:
            request = self._http.prepare_request(
                requests.Request(method, url, **content)
            )
        except ValueError as error:
            # By requests, by urllib3 or by Python's own parser.
            raise SettingError(
                f"{ascii(url[:100])[1:-1]} is no address of Mailgun."
            ) from error
        for address in (request.url, url):
            trusted_origin(address)
        request.prepare_auth(("api", self._key))
        return request


def path(template: str, *parts: str) -> str:
    """Return a path with each part percent-encoded: ``path("/v3/{}/events", name)``."""
    return template.format(*(quote(part, safe="") for part in parts))


class _Http(requests.Session):
    """Knows no redirects: they would carry the key to wherever they point."""

    def __init__(self):
        super().__init__()
        # Proxies are told with each request; a key in ~/.netrc would be another one.
        self.trust_env = False

    def get_redirect_target(self, _response):
        return None


def _environment(url):
    """Return the proxies and certificate authorities that the environment names."""
    with requests.Session() as http:
        return http.merge_environment_settings(url, {}, None, None, None)


class _Body(io.BytesIO):
    """A request's body that knows whether it was read to its end.

    Of a request that was not written in full, Mailgun has accepted nothing.
    """

    was_read = False

    def read(self, *size):
        found = super().read(*size)
        self.was_read = self.tell() >= len(self.getbuffer())
        return found


def _network_error(error, url: str) -> ApiError:
    # str(error) of requests repeats the whole URL and object addresses; name the kind.
    kind, detail = type(error).__name__, clip(str(error))
    if isinstance(error, OSError) and not isinstance(error, requests.RequestException):
        # Of a request that is under way requests makes an error of its own.
        return SettingError(
            f"This server could not turn to Mailgun at {url}: {detail.rstrip('.')}. "
            "Check the file that REQUESTS_CA_BUNDLE names, and the proxy.",
            detail=detail,
        )
    if isinstance(error, requests.exceptions.SSLError):
        return TransientError(
            f"The certificate of {url} is not trusted by this server ({kind}). If a "
            "proxy inspects traffic here, name its authority by REQUESTS_CA_BUNDLE.",
            detail=detail,
        )
    if isinstance(error, requests.exceptions.ReadTimeout):
        return DoubtfulError(
            f"Mailgun at {url} took the request and did not answer in time ({kind}).",
            detail=detail,
        )
    if _was_connected(error):
        return DoubtfulError(
            f"The connection to Mailgun at {url} broke before its answer came ({kind})."
            " Check this server's network, firewall and proxy for outgoing HTTPS.",
            detail=detail,
        )
    return TransientError(
        f"Mailgun at {url} could not be reached ({kind}). Check this server's network, "
        "firewall and proxy for outgoing HTTPS.",
        detail=detail,
    )


def _was_connected(error) -> bool:
    """Tell whether the request was under way: no name, port or proxy was missing.

    urllib3 calls a failure before that ``MaxRetryError``, one after it
    ``ProtocolError``; requests gives both as ``ConnectionError``.
    """
    if isinstance(error, requests.exceptions.ChunkedEncodingError):
        return True
    cause = error.args[0] if error.args else None
    return type(error) is requests.ConnectionError and isinstance(cause, ProtocolError)
