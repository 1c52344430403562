"""Judging trouble where nothing runs that should: a thread in each server process.

A scheduled action judges every two minutes. When no server runs any, or a process has
no database connection left, it does not, and no request gets that far either. So each
process has a thread that looks once a minute, by a connection outside of its pool.
"""

import contextlib
import logging
import threading
import time
from datetime import datetime, timedelta, timezone

import psycopg2
from psycopg2.pool import PoolError

import odoo
from odoo import SUPERUSER_ID, api, models, sql_db
from odoo.modules import module
from odoo.modules.registry import Registry
from odoo.service.server import WorkerCron
from odoo.tools import config

from ..transactions.own_cursor import own_cursor
from ..transactions.server import is_stopping, server
from .alarms_telling import judge

_logger = logging.getLogger(__name__)

# Seconds between two looks.
PERIOD = 60

# How long ago the scheduled action may have judged.
_JUDGED = timedelta(minutes=4)

_LAST_JUDGED = """
SELECT max(cron.lastcall)
  FROM ir_cron AS cron
  JOIN ir_model_data AS named ON named.res_id = cron.id AND named.model = 'ir.cron'
 WHERE named.module = 'mail_mailgun' AND named.name = 'ir_cron_judge'
"""

_watched: dict[str, threading.Thread] = {}
_starting = threading.Lock()


def watch(dbname):
    """Have a thread of this process look after a database, if none does.

    :param str dbname: of a database in which this module is installed
    """
    thread = _watched.get(dbname)
    if (thread and thread.is_alive()) or not _is_wanted():
        return
    with _starting:
        thread = _watched.get(dbname)
        if not thread or not thread.is_alive():
            thread = threading.Thread(
                target=_run, args=(dbname,), name=f"mail_mailgun.{dbname}", daemon=True
            )
            _watched[dbname] = thread
            thread.start()


def _is_wanted():
    is_serving = not (config["stop_after_init"] or module.current_test or odoo.evented)
    # Who runs scheduled actions judges by them.
    return is_serving and not isinstance(server(), WorkerCron)


def _run(dbname):
    while not is_stopping():
        time.sleep(PERIOD)
        registry = Registry.registries.get(dbname)
        if registry is None or "mailgun.alarm" not in registry:
            return
        try:
            look(registry)
        except psycopg2.Error as error:
            # The database is gone or down, of which everything else tells.
            _logger.info("Mailgun: trouble of %s is not judged: %s", dbname, error)
        except Exception:
            # It is the last one that still looks.
            _logger.exception("Mailgun: trouble of %s is not judged", dbname)


def look(registry):
    """Judge, if no scheduled action has done so or this process has no connection.

    :param odoo.modules.registry.Registry registry: of the database
    """
    is_used_up = _is_used_up(registry)

    def open_env():
        return _reserve(registry) if is_used_up else own_cursor(registry)

    with open_env() as env:
        if is_used_up:
            env["mailgun.alarm"]._note_no_connection()
        env.cr.execute(_LAST_JUDGED)
        (last,) = env.cr.fetchone()
    now = datetime.now(timezone.utc).replace(tzinfo=None)
    if is_used_up or not last or now - last > _JUDGED:
        judge(open_env)


def _is_used_up(registry):
    try:
        with registry.cursor():
            return False
    except PoolError:
        return True


@contextlib.contextmanager
def _reserve(registry):
    """Open a transaction by a connection that is not of the process's pool.

    :param odoo.modules.registry.Registry registry: of the database
    :return: an environment of the superuser
    """
    pool = sql_db.ConnectionPool(1)
    name, info = sql_db.connection_info_for(registry.db_name)
    try:
        cursor = sql_db.Connection(pool, name, info).cursor()
        with contextlib.closing(cursor):
            yield api.Environment(cursor, SUPERUSER_ID, {})
            # What follows the commit, such as waking browsers, finds no connection.
            with contextlib.suppress(PoolError):
                cursor.commit()
    finally:
        pool.close_all()


class MailgunAlarm(models.Model):
    """Has the process that judges watched as well; it may have no requests."""

    _inherit = "mailgun.alarm"

    @api.model
    def _judge_all(self):
        watch(self.env.cr.dbname)
        return super()._judge_all()


class IrHttp(models.AbstractModel):
    """Has the process of whoever answers a request watched."""

    _inherit = "ir.http"

    @classmethod
    def _post_dispatch(cls, response):
        watch(cls.pool.db_name)
        return super()._post_dispatch(response)
