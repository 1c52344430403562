"""Mail that comes in: one sender's flood beside others' mail, mails that fail at one
instant, and a mail that kills."""

import time

from ..lab.lab import Lab
from ..lab.settings import TOLD
from ..machine import postgres
from ..servers.sentences import Subject, same, true

SUBJECT = Subject("arriving")

_FLOOD = 10_000
# Seconds that a mail may take which comes after all those of another sender.
_PATIENCE = 15
_KILLS = 4


@SUBJECT.says
def others_do_not_wait(lab: Lab) -> None:
    """A mail that comes after ten thousand of one sender is routed within seconds."""
    lab.ensure()
    flooder, address = _scene(lab)
    lab.admin.call("mail.gateway.allowed", "create", [{"email": flooder}])
    _flood(lab, flooder, address)
    seconds = _write_and_wait(lab, address)
    waiting = _states(lab, flooder).get("pending", 0)
    lab.steps.say(f"it took {seconds:.1f} s, {waiting} of the flood still wait")
    _forget(lab, flooder)
    true(f"it took {seconds:.1f} s", seconds < _PATIENCE)
    true("the flood was over by then", waiting > _FLOOD / 2)


@SUBJECT.says
def a_flood_is_held(lab: Lab) -> None:
    """A flood that Odoo's guard has stopped is held at once, and released at once."""
    lab.ensure()
    flooder, address = _scene(lab)
    _flood(lab, flooder, address)
    started = time.monotonic()
    lab.wait_for_jobs("the flood", lambda: "pending" not in _states(lab, flooder))
    held = _states(lab, flooder)["held"]
    lab.steps.say(f"{held} were held after {time.monotonic() - started:.1f} s")
    true(f"{_FLOOD - held} of them became records", held > _FLOOD - 100)
    rows = lab.admin.search(_JOURNAL, ("author", "=", flooder), ("state", "=", "held"))
    started = time.monotonic()
    lab.admin.call(_JOURNAL, "action_release", rows)
    lab.steps.say(f"they were released in {time.monotonic() - started:.1f} s")
    seconds = _write_and_wait(lab, address)
    lab.steps.say(f"a mail that came then took {seconds:.1f} s")
    held = _states(lab, flooder).get("held", 0)
    _forget(lab, flooder)
    true(f"a mail that came then took {seconds:.1f} s", seconds < _PATIENCE)
    same("held again", held, 0)


@SUBJECT.says
def a_mail_that_kills(lab: Lab) -> None:
    """A mail whose worker is killed each time is given up, and keeps its original."""
    lab.ensure()
    _flooder, address = _scene(lab)
    subject = lab.new("Killer")
    with postgres.connection(lab.postgres_env, lab.database) as keeper:
        keeper.autocommit = False
        for kill in range(1, _KILLS + 1):
            # Whoever routes the mail gets no further than this.
            keeper.cursor().execute("LOCK TABLE res_partner IN EXCLUSIVE MODE")
            if kill == 1:
                lab.mailgun.write("killer@customer.test", address, subject, "Hello")
            lab.wait_for_jobs(
                "an attempt", lambda kill=kill: _attempts(lab, subject) == kill
            )
            lab.odoo.kill()
            keeper.rollback()
            lab.odoo.start(lab.steps)
            same("state", _row(lab, subject)[0], "pending")
            lab.execute(_IT_IS_TIME, subject)
    lab.wait_for_jobs("its end", lambda: _row(lab, subject)[0] != "pending")
    state, error = _row(lab, subject)
    same("state", state, "failed")
    true(f"it does not say why: {error}", f"stopped {_KILLS} times" in error)
    true("there is no original", lab.value(_ORIGINALS, subject))
    row = lab.admin.search(_JOURNAL, ("subject", "=", subject))
    lab.admin.call(_JOURNAL, "action_retry", row)
    lab.wait_for_jobs("its record", lambda: _contacts(lab, subject) == 1)


@SUBJECT.says
def failures_at_one_instant(lab: Lab) -> None:
    """Two mails that fail alike at one instant raise one activity."""
    lab.ensure()
    _flooder, address = _scene(lab)
    lab.inside(_BREAK_ALIAS, name=address.partition("@")[0])
    subject, before = lab.new("Failing"), lab.value(_ACTIVITIES)
    with postgres.connection(lab.postgres_env, lab.database) as keeper:
        keeper.autocommit = False
        # Whoever asks somebody to look at a mail gets no further than this.
        keeper.cursor().execute("LOCK TABLE mail_activity IN EXCLUSIVE MODE")
        for number in range(2):
            sender = f"{subject}-{number}@customer.test"
            lab.mailgun.write(sender, address, subject, "Hello")
        lab.steps.wait_for("both to fail", lambda: lab.value(_WAITING) == 2)
        keeper.rollback()
    lab.wait_for_jobs("both to have failed", lambda: _failed(lab, subject) == 2)
    same("activities", lab.value(_ACTIVITIES) - before, 1)
    rows = lab.admin.search(_JOURNAL, ("subject", "=", subject))
    lab.admin.call(_JOURNAL, "action_discard", rows)


_WAITING = "SELECT count(DISTINCT pid) FROM pg_locks WHERE NOT granted"
_ACTIVITIES = """SELECT count(*) FROM mail_activity
                  WHERE res_model = 'mailgun.inbound.email' AND active"""
_BREAK_ALIAS = """
alias = env["mail.alias"].search([("alias_name", "=", name)])
alias.write({"alias_defaults": "{'type': 'no such'}"})
"""

_JOURNAL = "mailgun.inbound.email"
_IT_IS_TIME = """UPDATE mailgun_inbound_email SET next_attempt_at = '2020-01-01'
                  WHERE subject = %s"""
_FORGET = """DELETE FROM mailgun_inbound_email WHERE id IN
              (SELECT id FROM mailgun_inbound_email
                WHERE author = %s AND attempt_count = 0 FOR UPDATE SKIP LOCKED)"""
_ORIGINALS = """SELECT count(*) FROM ir_attachment AS file
                  JOIN mailgun_inbound_email AS mail ON mail.id = file.res_id
                 WHERE res_model = 'mailgun.inbound.email' AND res_field = 'raw'
                   AND mail.subject = %s"""


def _scene(lab: Lab) -> tuple[str, str]:
    """Return somebody who has never written, and an address that makes contacts."""
    name = lab.new("people")
    address = lab.alias_of_contacts(name, TOLD)
    # Two workers at the first mails of an alias would both write its state.
    _write_and_wait(lab, address)
    return f"{lab.new('machine')}@customer.test", address


def _flood(lab: Lab, sender: str, address: str) -> None:
    """Put mails of one sender into the journal, as if they were just taken."""
    raw = f"From: {sender}\r\nTo: {address}\r\nSubject: Flood\r\n\r\nHello\r\n"
    file = lab.inside(_KEEP, raw=raw)
    lab.execute(_FILL, TOLD, sender, address, _FLOOD, file)
    lab.inside("env.ref('mail_mailgun.ir_cron_inbound_queue')._trigger()")


_KEEP = """
found = env["ir.attachment"].create({"name": "flood", "raw": raw.encode()}).id
"""
# A file of the same content is kept once, as Odoo does it.
_FILL = """
WITH mail AS (
    INSERT INTO mailgun_inbound_email
                (domain_id, token, message_id, author, sender, recipient, subject, turn,
                 state, attempt_count, unended_count, next_attempt_at, create_date)
         SELECT domain.id, address || number, '<' || number || address || '>', author,
                author, address, 'Flood', number, 'pending', 0, 0,
                date_trunc('second', timezone('UTC', now())), timezone('UTC', now())
           FROM mailgun_domain AS domain,
                (VALUES (%s, %s, %s)) AS given (name, author, address),
                generate_series(1, %s) AS number
          WHERE domain.name = given.name
      RETURNING id)
INSERT INTO ir_attachment (name, type, res_model, res_field, res_id, store_fname,
                           checksum, file_size, mimetype, create_date)
     SELECT 'raw', 'binary', 'mailgun.inbound.email', 'raw', mail.id, store_fname,
            checksum, file_size, 'message/rfc822', timezone('UTC', now())
       FROM mail, ir_attachment AS file
      WHERE file.id = %s
"""


def _write_and_wait(lab: Lab, address: str) -> float:
    """Let somebody else write; return the seconds until there is a record."""
    subject = lab.new("Question")
    started = time.monotonic()
    lab.mailgun.write(f"{subject}@customer.test", address, subject, "Hello")
    lab.steps.wait_for("the record", lambda: _contacts(lab, subject) == 1, timeout=900)
    return time.monotonic() - started


def _contacts(lab: Lab, name: str) -> int:
    return lab.value("SELECT count(*) FROM res_partner WHERE name = %s", name)


def _forget(lab: Lab, author: str) -> None:
    """Leave nothing of a flood that the server would go on with."""
    lab.execute(_FORGET, author)


def _states(lab: Lab, author: str) -> dict[str, int]:
    sql = """SELECT state, count(*) FROM mailgun_inbound_email WHERE author = %s
              GROUP BY state"""
    return dict(lab.rows(sql, author))


def _failed(lab: Lab, subject: str) -> int:
    sql = """SELECT count(*) FROM mailgun_inbound_email
              WHERE subject = %s AND state = 'failed'"""
    return lab.value(sql, subject)


def _row(lab: Lab, subject: str) -> tuple[str, str]:
    sql = "SELECT state, error FROM mailgun_inbound_email WHERE subject = %s"
    return lab.rows(sql, subject)[0]


def _attempts(lab: Lab, subject: str) -> int:
    sql = "SELECT sum(attempt_count) FROM mailgun_inbound_email WHERE subject = %s"
    return lab.value(sql, subject)
