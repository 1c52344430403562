"""The room that deliveries and events take, and whether updates stay on their page."""

import argparse
import json
from pathlib import Path

from ..demo.demo_stage import DOMAIN, SIGNING_KEY
from ..machine import postgres
from ..machine.report import Report
from ..machine.steps import StepFailed, Steps
from ..servers import odoo, odoo_run, template

DATABASE = "mailgun_bench_growth"
# Copies that are under way at the same time.
_BATCH = 200

_TABLES = ("mailgun_delivery", "mailgun_event", "mailgun_event_payload")
_KEPT_PAYLOADS = 50_000

MAX_DELIVERY_BYTES = 1000
MAX_EVENT_BYTES = 700
MIN_HOT_SHARE = 0.8

# As the ledger writes and closes an attempt, and as events change it afterwards.
_SEND = """
WITH new AS (
INSERT INTO mailgun_delivery
       (domain_id, message_id, mail_id, partner_ref, recipient, recipient_domain,
        attempt, reference, res_model, tag, state, sending_at)
SELECT domain.id,
       '<' || (1000000000000000 + number) || '.1795651200.123456-openerp-' || number
           || '-sale.order@' || domain.name || '>',
       number, number, 'customer' || number || '@customer' || number %% 3000
           || '.example', 'customer' || number %% 3000 || '.example', 1,
       substr(md5('o'), 1, 8) || '.' || substr(md5(number::text), 1, 16),
       'sale.order', 'sale.order', 'sending', timezone('UTC', now())
  FROM generate_series(%(first)s, %(last)s) AS number, mailgun_domain AS domain
RETURNING id, sending_at)
INSERT INTO mailgun_open_row (kind, row, at) SELECT 'sending', id, sending_at FROM new
"""
_ACCEPT = """
WITH closed AS (DELETE FROM mailgun_open_row WHERE kind = 'sending')
UPDATE mailgun_delivery
   SET state = 'accepted', accepted_at = timezone('UTC', now()),
       mailgun_id = NULLIF(message_id, message_id), doubt = NULL
 WHERE mail_id BETWEEN %(first)s AND %(last)s
"""
_DELIVERED = """
UPDATE mailgun_delivery SET state = 'delivered', delivered_at = timezone('UTC', now())
 WHERE mail_id BETWEEN %(first)s AND %(last)s
"""
_OPENED = """
UPDATE mailgun_delivery SET state = 'opened', opened_at = timezone('UTC', now()),
       open_count = 1
 WHERE mail_id BETWEEN %(first)s AND %(last)s AND mail_id %% 3 = 0
"""
_EVENT = """
WITH new AS (
INSERT INTO mailgun_event
       (domain_id, event_id, event, recipient, message_id, occurred_at, day,
        state, create_date)
SELECT domain_id, substr(md5(id::text || %(kind)s), 1, 22), %(kind)s, recipient,
       message_id, timezone('UTC', now()), current_date, 'pending',
       timezone('UTC', now())
  FROM mailgun_delivery WHERE mail_id BETWEEN %(first)s AND %(last)s
RETURNING id, occurred_at),
       kept AS (
INSERT INTO mailgun_event_payload (event_id, kept_since, payload)
SELECT id, occurred_at,
       jsonb_build_object('payload', (SELECT string_agg(md5(id::text || part::text), '')
                                        FROM generate_series(1, 45) AS part))
  FROM new)
INSERT INTO mailgun_open_row (kind, row, at) SELECT 'event', id, occurred_at FROM new
"""
_APPLIED = """
WITH closed AS (DELETE FROM mailgun_open_row WHERE kind = 'event' RETURNING row)
UPDATE mailgun_event SET state = 'done' WHERE id IN (SELECT row FROM closed)
"""
# As every day: payloads are kept for some days, here for so many events.
_FORGET = """
DELETE FROM mailgun_event_payload
 WHERE event_id < (SELECT max(event_id) FROM mailgun_event_payload) - %s
"""


def measure(steps: Steps, arguments: argparse.Namespace) -> bool:
    """Have mails sent and read, table by table, and look what they take.

    :return: whether it is as promised
    """
    with postgres.running() as env:
        _make_database(steps, env)
        with postgres.connection(env, DATABASE) as connected:
            cursor = connected.cursor()
            # For this command alone; it is gone before anything is judged.
            cursor.execute("CREATE INDEX bench_mail ON mailgun_delivery (mail_id)")
            _live(steps, cursor, arguments.rows)
            cursor.execute("DROP INDEX bench_mail")
            for table in _TABLES:
                cursor.execute(f"VACUUM ANALYZE {table}")
            cursor.execute("SELECT pg_total_relation_size('mailgun_event_payload')")
            steps.say(f"payloads of five days: {cursor.fetchone()[0] >> 20} MiB")
            return all(
                [
                    _judge(steps, cursor, "mailgun_delivery", MAX_DELIVERY_BYTES),
                    _judge(steps, cursor, "mailgun_event", MAX_EVENT_BYTES),
                ]
            )


def _make_database(steps: Steps, env: dict[str, str]) -> None:
    if not template.copy_to(Report(), env, DATABASE):
        raise StepFailed("Odoo's own modules do not install")
    install = ("--init", odoo.MODULE, "--stop-after-init")
    ended = odoo_run.run(steps, env, DATABASE, "bench-growth", *install)
    if ended.problems:
        raise StepFailed(ended.problems)
    told = {
        "domain": DOMAIN,
        "signing_key": SIGNING_KEY,
        "mails": 0,
        "sent_by": odoo.MODULE,
    }
    told_env = {**env, "MAILGUN_BENCH": json.dumps(told)}
    script = Path(__file__).with_name("scripts") / "bench_events_mails.py"
    ended = odoo_run.run(
        steps, told_env, DATABASE, "bench-growth", "shell", script=script
    )
    if ended.problems:
        raise StepFailed(ended.problems)


def _live(steps: Steps, cursor, rows: int) -> None:
    """Let mail be sent, accepted, delivered and read, the one while the next begins."""
    for first in range(1, rows + 1, _BATCH):
        batch = {"first": first, "last": first + _BATCH - 1}
        cursor.execute(_SEND, batch)
        cursor.execute(_ACCEPT, batch)
        before = {"first": first - _BATCH, "last": first - 1}
        cursor.execute(_EVENT, {**before, "kind": "delivered"})
        cursor.execute(_DELIVERED, before)
        cursor.execute(_APPLIED)
        earlier = {"first": first - 3 * _BATCH, "last": first - 2 * _BATCH - 1}
        cursor.execute(_OPENED, earlier)
        if first % 100_000 == 1:
            # As autovacuum and the daily job do meanwhile.
            cursor.execute(_FORGET, [_KEPT_PAYLOADS])
            for table in _TABLES:
                cursor.execute(f"VACUUM {table}")
            steps.say(f"{first - 1:,} mails")


def _judge(steps: Steps, cursor, table: str, limit: int) -> bool:
    cursor.execute(
        f"""SELECT pg_total_relation_size('{table}') / count(*)::float,
                   pg_relation_size('{table}') / count(*)::float, count(*)
              FROM {table}"""
    )
    total, heap, count = cursor.fetchone()
    cursor.execute("SELECT pg_stat_force_next_flush()")
    cursor.execute(
        """SELECT n_tup_upd, n_tup_hot_upd FROM pg_stat_user_tables
            WHERE relname = %s""",
        [table],
    )
    updates, hot = cursor.fetchone()
    share = hot / updates
    steps.say(
        f"{table}, {count:,} rows: {total:.0f} bytes a row (at most {limit}), "
        f"{heap:.0f} of them without indexes; {share:.0%} of {updates:,} updates "
        f"stayed on their page (at least {MIN_HOT_SHARE:.0%})"
    )
    return total <= limit and share >= MIN_HOT_SHARE
