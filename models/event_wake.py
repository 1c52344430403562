"""Waking the scheduled action that applies events."""

import functools
import logging

import psycopg2

from odoo.modules import module
from odoo.modules.registry import Registry

from ..const import EVENT_WAKE_SECONDS
from ..tools.throttle import Throttle
from .own_cursor import own_cursor

_logger = logging.getLogger(__name__)

CRON = "mail_mailgun.ir_cron_events"


def wake_after(response, registry):
    """Have new events applied soon, once Mailgun has its answer.

    :param werkzeug.wrappers.Response response: the answer
    :param odoo.modules.registry.Registry registry: of the database
    """
    if module.current_test:
        # The test's only connection is this request's; nobody waits for an answer.
        wake(registry)
    else:
        response.call_on_close(_throttle(registry.db_name).call)


def wake(registry):
    """Let the scheduled action run as soon as a worker is free."""
    with own_cursor(registry) as env:
        cron = env.ref(CRON, raise_if_not_found=False)
        if cron:
            cron._trigger()


@functools.cache
def _throttle(dbname):
    return Throttle(EVENT_WAKE_SECONDS, functools.partial(_wake, dbname))


def _wake(dbname):
    try:
        wake(Registry(dbname))
    except psycopg2.Error as error:
        # No connection to be had, say; it comes within a minute by itself.
        _logger.info("Events are left to the scheduled action: %s", error)
