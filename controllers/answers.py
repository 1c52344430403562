"""What the endpoints share: who is believed, and how a refusal is answered."""

import logging
import time

from odoo import SUPERUSER_ID
from odoo.http import request

from ..tools.errors import InvalidSignature, MalformedPayload, MissingSigningKey
from ..tools.event_post import domain_of
from ..tools.mime.forms import Form
from ..tools.signature import Signature

_logger = logging.getLogger(__name__)

_STATUS = {InvalidSignature: 401, MalformedPayload: 406, MissingSigningKey: 503}
_SIGNED = ("timestamp", "token", "signature")
# Events of sub-accounts are signed with the primary account's key as well.
_PARENT = "parent-signature"


def environment():
    """Return the environment for what is done before and after a post is believed.

    Nobody is logged in: the signature alone decides.
    """
    return request.env(user=SUPERUSER_ID)


def authenticate(env, payload):
    """Find out who posts.

    :param env: see ``environment``
    :param payload: what the dispatcher made of the body
    :return: the ``Signer`` that the request is from, and its ``Signature``
    :raise InvalidSignature: it does not prove that it comes from Mailgun
    :raise MissingSigningKey: there is no key to check it with
    """
    signature = Signature.read(*_signed_fields(payload))
    find = env["mailgun.domain"]._authenticate
    return find(signature, _addressed(payload), time.time()), signature


def recall(env, payload):
    """Find out who posts from memory, as good as it is (see ``_recall_signer``).

    :param env: see ``environment``
    :param payload: what the dispatcher made of the body
    :return: the ``Signer`` or None, and the request's ``Signature``
    :raise InvalidSignature: it does not prove that it comes from Mailgun
    """
    signature = Signature.read(*_signed_fields(payload))
    find = env["mailgun.domain"]._recall_signer
    return find(signature, _addressed(payload), time.time()), signature


def answer(take, payload):
    """Call ``take``, and answer 200 or with the status of what it raises.

    :return: what ``take`` returned, or None, and the response
    """
    try:
        result = take(payload)
    except tuple(_STATUS) as error:
        return None, _refuse(_STATUS[type(error)], error)
    return result, _plain("OK")


def info(text):
    """Say what an address is, to somebody who opens it in a browser."""
    return _plain(text)


def _signed_fields(payload):
    """Return the arguments of ``Signature.read`` as they came, not checked yet.

    :raise InvalidSignature: when the request is of no shape that has such fields
    """
    if isinstance(payload, Form):
        return [payload.text(name) for name in _SIGNED]
    if isinstance(payload, MalformedPayload):
        raise InvalidSignature(f"not a request of Mailgun: {payload}")
    # Mailgun posts events as JSON with the three in an object of their own.
    nested = payload.get("signature") if isinstance(payload, dict) else None
    if not isinstance(nested, dict):
        raise InvalidSignature("not a request of Mailgun")
    return [nested.get(name) for name in (*_SIGNED, _PARENT)]


def _addressed(payload):
    """Return the address or the domain that a request says it is for, or None."""
    if isinstance(payload, Form):
        return payload.text("recipient")
    return domain_of(payload)


def _refuse(status, error):
    _logger.warning(
        "Refused a post to %s from %s with %s: %s",
        request.httprequest.path,
        request.httprequest.remote_addr,
        status,
        error,
    )
    return _plain(str(error), status)


def _plain(text, status=200):
    return request.make_response(
        f"{text}\n", [("Content-Type", "text/plain")], status=status
    )
