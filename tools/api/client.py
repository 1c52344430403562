"""The only place that speaks HTTP with Mailgun.

One :class:`MailgunClient` per region and key. Every failure leaves as one of three
errors that say what to do (see ``errors``); Mailgun's own words travel along in
``detail``, the key never does.
"""

import io
import re
import time
from collections.abc import Iterable, Mapping
from email.utils import parsedate_to_datetime
from urllib.parse import quote

import requests
from urllib3.exceptions import HTTPError, ProtocolError
from urllib3.filepost import encode_multipart_formdata

from ...const import API_TIMEOUT
from ..errors import (
    ApiError,
    DoubtfulError,
    NotUnderstood,
    RefusedMessage,
    RefusedRecipient,
    SettingError,
    TransientError,
)
from ..mailgun_url import api_url, trusted_origin
from ..sentence import Sentence as _lt
from .answers import (
    PROXY_WANTS_PASSWORD,
    Question,
    api_error,
    clip,
    content_of,
    is_missing_field,
)

# Neither a key nor the id of a sub-account has anything else.
_VISIBLE = re.compile(r"[!-~]*")

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
                _lt(
                    "The API key or the sub-account ID has characters that none of "
                    "Mailgun's has. Copy it anew from Mailgun's control panel."
                )
            )
        self.region = region
        self._key = key
        self._url = api_url(region)
        self._used_at = 0.0
        self._clock = 0.0
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

    def now(self) -> float:
        """Return Mailgun's time by its last answer, in seconds since 1970.

        This server's own clock may be wrong, and may be put right meanwhile.
        """
        return self._clock + time.monotonic() if self._used_at else time.time()

    # --- sending ---------------------------------------------------------------------

    def send_mime(self, domain: str, body: "MimeBody") -> str:
        """Hand one finished message to Mailgun (``POST /v3/{domain}/messages.mime``).

        :param domain: the sending domain at Mailgun
        :return: Mailgun's id, the Message-Id in angle brackets
        :raise TransientError: try again later; nothing was accepted
        :raise DoubtfulError: nobody knows whether it was accepted
        :raise SettingError: repair a setting first
        :raise RefusedMessage: this message cannot be sent as it is
        """
        try:
            response = self._response(
                "POST",
                path("/v3/{}/messages.mime", domain),
                data=body,
                headers={"Content-Type": body.content_type},
            )
        except ApiError as error:
            is_doubtful = isinstance(error, DoubtfulError)
            if error.status or is_doubtful == body.was_read:
                raise
            kind = DoubtfulError if body.was_read else TransientError
            raise kind(error.sentence, detail=error.detail) from error
        if not _is_done(response):
            raise api_error(response, Question(domain, self.region, body.mime_size))
        return _message_id(response, domain)

    def check_sending(self, domain: str) -> None:
        """Prove that the key may send from ``domain``, without sending anything.

        Works with a sending key, which may do nothing but post: a message without
        recipients is refused as such (400) only after key and domain were accepted.

        :raise DomainBarred: it may, and Mailgun does not let the domain send now
        :raise SettingError: key, region or domain are wrong
        :raise TransientError: there is no answer now, or none that proves anything
        """
        try:
            self.call("POST", path("/v3/{}/messages", domain), domain, data={})
        except RefusedMessage as error:
            if not (is_missing_field(error) or isinstance(error, RefusedRecipient)):
                raise NotUnderstood(
                    error.sentence, error.status, error.detail
                ) from error

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
        :return: the JSON object answered
        :raise ApiError: every answer but 2xx with JSON, and none at all
        """
        response = self._response(method, address, timeout, **content)
        if _is_done(response):
            return content_of(response)
        raise api_error(response, Question(domain, self.region))

    def _response(self, method, address, timeout=API_TIMEOUT, **content):
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
        self._clock = _date_of(response) - self._used_at
        return response

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
            shown = ascii(url[:100])[1:-1]
            raise SettingError(
                _lt("%(url)s is no address of Mailgun.", url=shown)
            ) from error
        for address in (request.url, url):
            trusted_origin(address)
        request.prepare_auth(("api", self._key))
        return request


def path(template: str, *parts: str) -> str:
    """Return a path with each part percent-encoded: ``path("/v3/{}/events", name)``."""
    return template.format(*(quote(part, safe="") for part in parts))


def _date_of(response) -> float:
    """Return when an answer was given by the clock of who gave it (RFC 9110, 6.6.1)."""
    try:
        return parsedate_to_datetime(response.headers["Date"]).timestamp()
    except (KeyError, TypeError, ValueError, OverflowError):
        return time.time()


def _is_done(response) -> bool:
    return 200 <= response.status_code < 300


def _message_id(response, domain: str) -> str:
    """Return the id that was given to a message that Mailgun has taken.

    :raise SettingError: it was no mail server that answered
    :raise DoubtfulError: who knows what it was
    """
    if response.text.strip() == "Mailgun Magnificent API":
        # That is what a wrong path is answered, with 200.
        raise SettingError(
            _lt(
                "Mailgun's server answered, but not as a mail server for %(domain)s. "
                "Check the domain's name.",
                domain=domain,
            ),
            status=200,
            detail="Mailgun Magnificent API",
        )
    try:
        identifier = content_of(response).get("id")
    except NotUnderstood as error:
        raise DoubtfulError(error.sentence, detail=error.detail) from error
    if isinstance(identifier, str) and identifier.strip():
        return clip(identifier)
    raise DoubtfulError(
        _lt("Mailgun's answer to a message does not say whether it was taken."),
        detail=clip(response.text),
    )


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


class MimeBody(io.BytesIO):
    """The body of a request that hands over a message, and whether it was read.

    Of a request that was not read to its end, Mailgun has accepted nothing.

    :param mime: the message, exactly as it shall travel
    :param recipients: the envelope: every address of To, Cc and Bcc
    :param options: ``o:…``, ``v:…`` and ``h:…`` fields
    """

    was_read = False

    def __init__(
        self,
        mime: bytes,
        recipients: Iterable[str],
        options: Mapping[str, str | list[str]] = (),
    ):
        fields = [("to", address) for address in recipients]
        for name, values in dict(options).items():
            several = [values] if isinstance(values, str) else values
            fields += [(name, value) for value in several]
        # A file name is required: without one Mailgun answers "'message' parameter is
        # not a file".
        fields.append(("message", ("message.mime", mime, "message/rfc822")))
        content, self.content_type = encode_multipart_formdata(fields)
        super().__init__(content)
        self.mime_size = len(mime)

    def read(self, *size):
        found = super().read(*size)
        self.was_read = self.tell() >= len(self.getbuffer())
        return found


def _network_error(error, url: str) -> ApiError:
    # str(error) of requests repeats the whole URL and object addresses; name the kind.
    facts, detail = {"url": url, "kind": type(error).__name__}, clip(str(error))
    if isinstance(error, OSError) and not isinstance(error, requests.RequestException):
        # Of a request that is under way requests makes an error of its own.
        return _server_error(url, detail)
    if isinstance(error, requests.exceptions.SSLError):
        return TransientError(
            _lt(
                "The certificate of %(url)s is not trusted by this server (%(kind)s). "
                "If a proxy inspects traffic here, name its authority by "
                "REQUESTS_CA_BUNDLE.",
                **facts,
            ),
            detail=detail,
        )
    if isinstance(error, requests.exceptions.ProxyError) and "407" in detail:
        return SettingError(PROXY_WANTS_PASSWORD, 407, detail)
    if isinstance(error, requests.exceptions.ReadTimeout):
        return DoubtfulError(
            _lt(
                "Mailgun at %(url)s took the request and did not answer in time "
                "(%(kind)s).",
                **facts,
            ),
            detail=detail,
        )
    if _was_connected(error):
        return DoubtfulError(
            _lt(
                "The connection to Mailgun at %(url)s broke before its answer came "
                "(%(kind)s). Check this server's network, firewall and proxy for "
                "outgoing HTTPS.",
                **facts,
            ),
            detail=detail,
        )
    return TransientError(
        _lt(
            "Mailgun at %(url)s could not be reached (%(kind)s). Check this server's "
            "network, firewall and proxy for outgoing HTTPS.",
            **facts,
        ),
        detail=detail,
    )


def _server_error(url: str, detail: str) -> SettingError:
    return SettingError(
        _lt(
            "This server could not turn to Mailgun at %(url)s: %(words)s. Check the "
            "file that REQUESTS_CA_BUNDLE names, and the proxy.",
            url=url,
            words=detail.rstrip("."),
        ),
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
