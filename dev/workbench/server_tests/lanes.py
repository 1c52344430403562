"""Mails that are sent side by side, each lane in transactions of its own."""

from ..bench.ways import DEFAULT_LANES
from ..servers.sentences import Subject, same, true
from .lab import Lab

SUBJECT = Subject("lanes")

_MESSAGES = 16
_OTHERS = 20


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
