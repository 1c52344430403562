"""Mails that are sent side by side, each lane in transactions of its own."""

import base64
import contextlib
import re
import resource
import time

from ..bench.ways import DEFAULT_LANES
from ..lab.lab import Lab
from ..machine import postgres
from ..servers.sentences import TROUBLES, Subject, same, true

SUBJECT = Subject("lanes")

_MESSAGES = 16
_OTHERS = 20
_FILE = {"name": "offer.pdf", "datas": base64.b64encode(bytes(2_000_000)).decode()}


@SUBJECT.says
def mails_of_one_message_do_not_collide(lab: Lab) -> None:
    """All lanes send messages of two to five mails each without a conflict."""
    subject = lab.new("Lanes")
    mails = lab.inside(_MESSAGES_OF_SEVERAL, subject=subject, count=_MESSAGES)
    same(
        "lanes",
        lab.value("SELECT lane_count FROM mailgun_domain LIMIT 1"),
        DEFAULT_LANES,
    )
    # So that all of them are at it.
    lab.mailgun.fail({"path": "messages", "delay": 0.05})
    lab.collisions.begin()
    lab.send(mails, auto_commit=True)
    same("conflicts", lab.collisions.found(), [])
    same("states", lab.states(mails), ["sent"] * len(mails))
    given = [mail["recipients"] for mail in lab.mailgun.given(subject)]
    same("mails given to Mailgun", len(given), len(mails))
    same("different recipients", len({one for (one,) in given}), len(mails))


@SUBJECT.says
def lanes_are_used(lab: Lab) -> None:
    """Sixteen mails through a network of half a second take the time of two."""
    subject, people = lab.new("Fast"), lab.addresses(16)
    mails = lab.write(subject, *people)
    lab.mailgun.fail({"path": "messages", "delay": 0.5})
    lab.send(mails, auto_commit=True)
    sent = [mail["accepted_at"] for mail in lab.mailgun.given(subject)]
    seconds = max(sent) - min(sent)
    true(f"the last came {seconds:.1f} s after the first", seconds < 3)


@SUBJECT.says
def one_refused_mail_harms_no_other(lab: Lab) -> None:
    """A mail that Mailgun refuses fails alone, the others of the batch are sent."""
    subject, people = lab.new("Refused"), lab.addresses(_OTHERS)
    # More options than Mailgun takes.
    headers = str({"X-Mailgun-Track": "x" * 20_000})
    bad = lab.write(subject, *lab.addresses(1), headers=headers)
    mails = lab.write(subject, *people[:10]) + bad + lab.write(subject, *people[10:])
    lab.send(mails, auto_commit=True)
    same("state of the bad one", lab.states(bad), ["exception"])
    sql = "SELECT failure_reason FROM mail_mail WHERE id = %s"
    reason = lab.value(sql, bad[0])
    true(f"Mailgun's words are missing: {reason}", "16 kB" in reason)
    same("others", lab.states([one for one in mails if one not in bad]), _ALL_SENT)
    given = [mail["recipients"] for mail in lab.mailgun.given(subject)]
    same("recipients", sorted(given), sorted([one] for one in people))


@SUBJECT.says
def one_bad_address_harms_no_other(lab: Lab) -> None:
    """An address that nobody can write to keeps the mail from nobody else."""
    subject, people = lab.new("Address"), lab.addresses(_OTHERS)
    contacts = lab.contacts(*people, "müller@customer.test")
    mails = lab.write(subject, *people[2:]) + lab.write(
        subject, "", recipient_ids=[(6, 0, contacts[:2] + contacts[-1:])]
    )
    lab.send(mails, auto_commit=True)
    same("states", set(lab.states(mails)), {"sent"})
    given = [mail["recipients"] for mail in lab.mailgun.given(subject)]
    same("recipients", sorted(given), sorted([one] for one in people))


@SUBJECT.says
def a_mail_without_message_id(lab: Lab) -> None:
    """A mail that has no Message-Id gets one, and ends no lane."""
    subject, people = lab.new("No id"), lab.addresses(_OTHERS)
    mails = lab.write(subject, *people)
    lab.execute(
        """UPDATE mail_message SET message_id = NULL
            WHERE id = (SELECT mail_message_id FROM mail_mail WHERE id = %s)""",
        mails[0],
    )
    lab.send(mails, auto_commit=True)
    same("states", lab.states(mails), _ALL_SENT)
    given = lab.mailgun.given(subject)
    same("mails given to Mailgun", len(given), len(mails))
    true("one has no Message-Id", all(mail["message_id"] for mail in given))


@SUBJECT.says
def an_error_of_one_mail_ends_that_mail(lab: Lab) -> None:
    """A mail that cannot be written down as sent fails with words, and alone."""
    subject, people = lab.new("Error"), lab.addresses(_OTHERS)
    mails = lab.write(subject, *people)
    bad, others = mails[3], mails[:3] + mails[4:]
    lab.execute(_FAILING % bad)
    try:
        lab.send(mails, auto_commit=True)
    finally:
        lab.execute("DROP FUNCTION lab_fails CASCADE")
    same("others", lab.states(others), ["sent"] * len(others))
    same("state of the bad one", lab.states([bad]), ["exception"])
    reason = lab.value("SELECT failure_reason FROM mail_mail WHERE id = %s", bad)
    true(f"the error is not named: {reason}", "the lab does not like it" in reason)
    lab.admin.call("mail.mail", "action_retry", [bad])
    lab.send_soon([bad])
    same("mails given to Mailgun", len(lab.mailgun.given(subject)), len(mails))


@SUBJECT.says
def too_little_memory(lab: Lab) -> None:
    """Without memory for all lanes nothing is lost, and nothing is sent twice."""
    subject, people = lab.new("Memory"), lab.addresses(60)
    file = lab.admin.call("ir.attachment", "create", [_FILE])
    mails = lab.write(subject, *people, attachment_ids=[(6, 0, file)])
    lab.start("--limit-time-real", "0")
    lab.admin.call("res.users", "search", [])
    pid, unlimited = lab.odoo.pid, (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
    for mib in (12, 40, 100):
        room = lab.size() + mib * 1024 * 1024
        resource.prlimit(pid, resource.RLIMIT_AS, (room, resource.RLIM_INFINITY))
        with contextlib.suppress(*TROUBLES):
            lab.send(mails, auto_commit=True)
        resource.prlimit(pid, resource.RLIMIT_AS, unlimited)
        lab.steps.say(f"{lab.left(mails)} of {len(mails)} are left with {mib} MiB")
    # Without memory anything may fail, and says so.
    lab.logs.remove(lab.odoo.log)
    lab.start()
    lab.settle_all()
    lab.execute("UPDATE mail_mail SET scheduled_date = NULL WHERE id = ANY(%s)", mails)
    lab.send(mails, auto_commit=True)
    lab.settle_all()
    same("states", set(lab.states(mails)), {"sent"})
    given = [mail["recipients"] for mail in lab.mailgun.given(subject)]
    same("recipients", sorted(given), sorted([one] for one in people))


@SUBJECT.says
def a_connection_that_is_refused(lab: Lab) -> None:
    """Lanes that PostgreSQL has no connection for leave their mails to the others."""
    subject, people = lab.new("Refused connection"), lab.addresses(60)
    mails = lab.write(subject, *people)
    # A new server has no connections in store; jobs that got none would log that.
    lab.start("--max-cron-threads", "0")
    lab.admin.call("res.users", "search", [])
    sql = "SELECT count(*) FROM pg_stat_activity WHERE datname = %s"
    used = lab.value(sql, lab.database)
    limit = f"ALTER DATABASE {lab.database} CONNECTION LIMIT %s"
    lab.execute_in("postgres", limit % (used + 3))
    try:
        lab.send(mails, auto_commit=True)
    finally:
        lab.execute_in("postgres", limit % -1)
    log = lab.odoo.log.read_text()
    true("no connection was refused", "has no database connection" in log)
    # A lane may lose what it needs in the middle of its mails, and nothing by that.
    left = lab.left(mails)
    true(f"{left} mails were left", left <= DEFAULT_LANES)
    lab.send(mails, auto_commit=True)
    # What could not be written down after Mailgun had it is in doubt.
    lab.settle_all()
    lab.send(mails, auto_commit=True)
    lab.start()
    same("mails left", lab.left(mails), 0)
    same("mails given to Mailgun", len(lab.mailgun.given(subject)), len(mails))


@SUBJECT.says
def mails_that_others_are_at(lab: Lab) -> None:
    """Mails that somebody else is sending do not have the queue run without a pause."""
    subject, people = lab.new("Others"), lab.addresses(_OTHERS)
    mails = lab.write(subject, *people)
    with postgres.connection(lab.postgres_env, lab.database) as connected:
        connected.autocommit = False
        with connected.cursor() as cursor:
            cursor.execute(
                "SELECT pg_advisory_xact_lock(%s, id) FROM unnest(%s) AS id",
                [_SENDING_MAIL, mails],
            )
            already = len(_RUN.findall(lab.odoo.log.read_text()))
            lab.wake()
            lab.wait_for_jobs("a run", lambda: _runs(lab) > already)
            until = time.monotonic() + 10
            lab.wait_for_jobs("other runs", lambda: time.monotonic() > until)
            runs = _runs(lab) - already
            connected.rollback()
    true(f"{runs} runs in ten seconds", runs <= 2)
    same("mails given meanwhile", lab.mailgun.given(subject), [])
    lab.wake()
    lab.wait_for_jobs("the mails", lambda: not lab.left(mails))
    same("mails given to Mailgun", len(lab.mailgun.given(subject)), len(mails))


@SUBJECT.says
def large_files_take_turns(lab: Lab) -> None:
    """Twelve mails with a file of 12 MB take the memory of a few."""
    subject, people = lab.new("Large"), lab.addresses(DEFAULT_LANES)
    # Filled by the server itself: a call of that size would count, too.
    mails = lab.inside(_LARGE, subject=subject, people=people, size=_LARGE_FILE)
    # The queue would be at them as well, with scales of its own.
    lab.start("--max-cron-threads", "0")
    lab.admin.call("res.users", "search", [])
    lab.mailgun.fail({"path": "messages", "delay": 0.5})
    with lab.measured() as grown:
        lab.send(mails, auto_commit=True)
    lab.start()
    same("states", lab.states(mails), ["sent"] * len(mails))
    same("mails given to Mailgun", len(lab.mailgun.given(subject)), len(mails))
    weights = grown[0] / _LARGE_FILE
    lab.steps.say(f"the server grew by {weights:.0f} files")
    true(f"the server grew by {weights:.0f} files", weights < 4 * _TIMES_ON_ITS_WAY)


def _runs(lab: Lab) -> int:
    return len(_RUN.findall(lab.odoo.log.read_text()))


_LARGE_FILE = 12 * 2**20
# How often a file is in memory while its mail is sent: as it is, and encoded.
_TIMES_ON_ITS_WAY = 9

_LARGE = """
found = env["mail.mail"].create([
    {
        "subject": subject,
        "email_from": "sales@mail.example.com",
        "email_to": one,
        "body_html": "<p>Our offer</p>",
        "attachment_ids": [
            Command.create({"name": "plan", "raw": number.to_bytes(1, "big") * size})
        ],
    }
    for number, one in enumerate(people)
]).ids
"""

_RUN = re.compile(r"Job 'Mail: Email Queue Manager' .* starting")

# As models/transactions/locks.py has it.
_SENDING_MAIL = 0x6D670004

_FAILING = """
CREATE FUNCTION lab_fails() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the lab does not like it';
END $$;
CREATE TRIGGER lab_fails BEFORE UPDATE ON mail_mail FOR EACH ROW
    WHEN (NEW.id = %s AND NEW.state = 'sent') EXECUTE FUNCTION lab_fails()"""

_ALL_SENT = ["sent"] * _OTHERS

# As when a message goes to colleagues, customers and portal users.
_MESSAGES_OF_SEVERAL = """
found = []
for number in range(count):
    contacts = env["res.partner"].create([
        {"name": "Contact", "email": "%s-%s-%s@customer.test" % (subject, number, one)}
        for one in range(2 + number % 4)
    ])
    message = contacts[0].message_post(body="Our offer", subject=subject)
    found += env["mail.mail"].create([
        {
            "mail_message_id": message.id,
            "email_from": "sales@mail.example.com",
            "body_html": "<p>Our offer</p>",
            "recipient_ids": [Command.set(one.ids)],
        }
        for one in contacts
    ]).ids
"""
