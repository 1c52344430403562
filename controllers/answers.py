"""What the endpoints share: how a post is signed, and how a refusal is answered."""

import contextlib
import functools
import logging
import time

import psycopg2

from odoo import SUPERUSER_ID, http
from odoo.http import request
from odoo.modules import module
from odoo.modules.registry import Registry

from ..const import ENDPOINT_HEADER, PROBE_FIELD
from ..models.transactions.failures import is_no_connection
from ..tools.addresses import domain_name
from ..tools.errors import (
    InvalidSignature,
    MalformedPayload,
    MissingSigningKey,
    Probe,
    UnusedDomain,
)
from ..tools.event_post import domain_of
from ..tools.mime.forms import Form
from ..tools.mime.inbound import addressed_to
from ..tools.signature import Signature
from ..tools.throttle import Throttle

_logger = logging.getLogger(__name__)

_STATUS = {
    InvalidSignature: 401,
    Probe: 401,
    MalformedPayload: 406,
    MissingSigningKey: 503,
    UnusedDomain: 503,
}
_SIGNED = ("timestamp", "token", "signature")
# Events of sub-accounts are signed with the primary account's key as well.
_PARENT = "parent-signature"
# Bytes of each of them, percent-encoded at worst.
_MAX_SIGNED = 3 * 128


def to_visits(paths):
    """Return the decorator of what answers somebody who opens an address in a browser.

    :param paths: of the endpoint
    """
    return http.route(
        paths, type="http", auth="public", methods=["GET"], save_session=False
    )


def to_posts(paths, max_content_length):
    """Return the decorator of what takes Mailgun's posts, see ``MailgunDispatcher``.

    :param paths: of the endpoint
    :param max_content_length: in bytes, or a function of the controller that tells them
    """
    return http.route(
        paths,
        type="mailgun",
        # The signature says who posts; looking up a user would be a query for nothing.
        auth="none",
        methods=["POST"],
        save_session=False,
        readonly=False,
        max_content_length=max_content_length,
    )


def signature_of(payload):
    """Return the signature of a post, which is of the right shape and age.

    Asks nobody: what is refused here has cost no query.

    :param payload: what the dispatcher made of the body
    :rtype: Signature
    :raise InvalidSignature: there is none
    """
    signature = Signature.read(*_signed_fields(payload))
    signature.check_age(time.time())
    return signature


def names_of(payload):
    """Return the names of the domains that a post says it is for.

    :param payload: what the dispatcher made of the body
    :return: none when it does not say
    :rtype: set[str]
    :raise InvalidSignature: what it says cannot be a domain
    """
    if isinstance(payload, Form):
        addresses = addressed_to(payload)
    else:
        addresses = filter(None, [domain_of(payload)])
    named = {domain_name(address) for address in addresses}
    if named == {""}:
        raise InvalidSignature("not addressed to anything that can be a domain")
    return named - {""}


def answer(take, payload):
    """Call ``take``, and answer 200 or with the status of what it raises.

    Without a database connection it is 503: Mailgun comes again.

    :return: what ``take`` returned, or None, and the response
    """
    try:
        result = take(payload)
    except tuple(_STATUS) as error:
        if error.domain_id:
            # Without a transaction: the request's own is over (``MailgunDispatcher``).
            domains = request.env(user=SUPERUSER_ID)["mailgun.domain"]
            domains.browse(error.domain_id)._note_refusal(error)
        return None, _refuse(_STATUS[type(error)], error)
    except psycopg2.Error as error:
        if not is_no_connection(error):
            raise
        return None, _refuse(503, "there is no database connection for it now")
    return result, _plain("OK")


def after(response, work, seconds=0.0):
    """Have something done as soon as Mailgun has its answer.

    What it does not get done is left to a scheduled action.

    :param werkzeug.wrappers.Response response: the answer
    :param work: a function that is called with the database's registry
    :param float seconds: in which it is done at most once, for all posts together
    """
    if module.current_test:
        # The test's only connection is this request's; nobody waits for an answer.
        work(request.registry)
    else:
        response.call_on_close(_throttle(request.db, work, seconds).call)


@functools.cache
def _throttle(dbname, work, seconds):
    return Throttle(seconds, functools.partial(_attempt, dbname, work))


def _attempt(dbname, work):
    try:
        work(Registry(dbname))
    except psycopg2.Error as error:
        # No connection to be had, say; the scheduled action comes within a minute.
        _logger.info("Left to the scheduled action: %s", error)


@contextlib.contextmanager
def post_of(signer, token):
    """Say of what is refused meanwhile that it is signed, and by whom.

    Its signature is good for nothing else then: Mailgun repeats nothing of that kind.

    :param Signer signer: whose health shall tell of it
    :param str token: of the signature
    :raise InvalidSignature: the token was spent before
    """
    try:
        yield
    except MalformedPayload as error:
        error.domain_id = signer.id
        request.env(user=SUPERUSER_ID)["mailgun.used.token"]._spend(token)
        raise


def info(text):
    """Say what an address is, to somebody who opens it in a browser."""
    return _plain(text)


def _signed_fields(payload):
    """Return the arguments of ``Signature.read`` as they came, not checked yet.

    :raise InvalidSignature: when the request is of no shape that has such fields
    """
    if isinstance(payload, Form):
        if payload.names() == [PROBE_FIELD]:
            raise Probe("not signed: this is a probe")
        return [payload.text(name, _MAX_SIGNED) for name in _SIGNED]
    if isinstance(payload, MalformedPayload):
        raise InvalidSignature(f"not a request of Mailgun: {payload}")
    # Mailgun posts events as JSON with the three in an object of their own.
    nested = payload.get("signature") if isinstance(payload, dict) else None
    if not isinstance(nested, dict):
        raise InvalidSignature("not a request of Mailgun")
    return [nested.get(name) for name in (*_SIGNED, _PARENT)]


def _refuse(status, error):
    _logger.log(
        logging.INFO if isinstance(error, Probe) else logging.WARNING,
        "Refused a post to %s from %s with %s: %s",
        request.httprequest.path,
        request.httprequest.remote_addr,
        status,
        error,
    )
    return _plain(str(error), status)


def _plain(text, status=200):
    headers = [("Content-Type", "text/plain"), (ENDPOINT_HEADER, "mail_mailgun")]
    return request.make_response(f"{text}\n", headers, status=status)
