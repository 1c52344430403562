"""A mailing to twenty contacts, sent by Odoo's own queue of mailings."""

import re
from dataclasses import dataclass

import requests

from ..lab.lab import Lab
from ..lab.settings import API_KEY, TOLD
from ..servers.sentences import Subject, same, true

SUBJECT = Subject("mailing")

_COUNT = 20
_BOUNCED, _OPENED, _CLICKED, _COMPLAINED = 3, 6, 2, 1
_SUPPRESSIONS = ("unsubscribes", "complaints")


@dataclass
class Mailing:
    """A mailing that was sent, and what its readers did.

    :param conflicts: transactions that PostgreSQL did not let through meanwhile
    :param events: how many events of a kind Mailgun has, by kind
    :param idle: a mail that arrived and whose reader did nothing
    """

    id: int
    subject: str
    people: list[str]
    mails: list[dict]
    conflicts: list[str]
    events: dict[str, int]
    idle: dict


def scene(lab: Lab) -> Mailing:
    """Send the mailing, let people react, apply the events."""
    subject, people = lab.new("News"), lab.addresses(_COUNT)
    for one in people[:_BOUNCED]:
        lab.mailgun.mailbox_answers(one, "bounced")
    lab.collisions.begin()
    mailing = lab.inside(_MAKE, subject=subject, people=people, domain=TOLD)
    lab.admin.call("mailing.mailing", "action_launch", [mailing])
    sql = "SELECT state FROM mailing_mailing WHERE id = %s"
    lab.steps.wait_for("the mailing", lambda: lab.value(sql, mailing) == "done")
    mails = lab.mailgun.given(subject)
    lab.apply_events()
    happy = [mail for mail in mails if mail["recipients"][0] not in people[:_BOUNCED]]
    for kind, count in (("opened", _OPENED), ("clicked", _CLICKED)):
        for mail in happy[:count]:
            lab.mailgun.react(mail, kind)
    for mail in happy[-_COMPLAINED:]:
        lab.mailgun.react(mail, "complained")
    lab.apply_events()
    kinds = [one["event"] for one in lab.mailgun.events_of(mails)]
    events = {kind: kinds.count(kind) for kind in kinds}
    conflicts = lab.collisions.found()
    return Mailing(mailing, subject, people, mails, conflicts, events, happy[_OPENED])


@SUBJECT.says
def each_contact_gets_it_once(lab: Lab) -> None:
    """A mailing goes to each contact once, and each copy has its delivery."""
    mailing = lab.once(scene)
    given = [mail["recipients"] for mail in mailing.mails]
    same("recipients", sorted(given), sorted([one] for one in mailing.people))
    sql = """SELECT count(*), count(DISTINCT mail_id) FROM mailgun_delivery
              WHERE recipient = ANY(%s)"""
    same("deliveries and mails", lab.rows(sql, mailing.people), [(_COUNT, _COUNT)])


@SUBJECT.says
def nothing_collides(lab: Lab) -> None:
    """PostgreSQL turns no transaction down while a mailing and its events pass."""
    same("conflicts", lab.once(scene).conflicts, [])


@SUBJECT.says
def statistics_agree_with_events(lab: Lab) -> None:
    """The statistics of a mailing say what Mailgun's events say."""
    mailing = lab.once(scene)
    events = mailing.events
    same("opened", events["opened"], _OPENED)
    found = lab.admin.call(
        "mailing.mailing",
        "read",
        [mailing.id],
        ["sent", "delivered", "opened", "clicked", "bounced", "failed"],
    )[0]
    wanted = {
        "sent": events["accepted"],
        "delivered": events["delivered"],
        "opened": events["opened"],
        "clicked": events["clicked"],
        "bounced": events["failed"],
        "failed": 0,
    }
    same("statistics", {name: found[name] for name in wanted}, wanted)


@SUBJECT.says
def whoever_complains_gets_no_more(lab: Lab) -> None:
    """Whoever reports a mailing as spam is on the blacklist, and nobody else."""
    mailing = lab.once(scene)
    sql = "SELECT count(*) FROM mail_blacklist WHERE active AND email = ANY(%s)"
    same("blacklisted", lab.value(sql, mailing.people), _COMPLAINED)


@SUBJECT.says
def unsubscribe_headers_arrive(lab: Lab) -> None:
    """List-Unsubscribe and List-Unsubscribe-Post arrive as Odoo has written them."""
    mailing = lab.once(scene)
    wanted = lab.inside(_UNSUBSCRIBE_HEADERS, number=mailing.id, people=mailing.people)
    for mail in mailing.mails:
        (customer,) = mail["recipients"]
        same(f"headers for {customer}", _headers(lab, mail), wanted[customer])


@SUBJECT.says
def one_click_unsubscribes(lab: Lab) -> None:
    """One click unsubscribes from the newsletter (RFC 8058), and from nothing else."""
    mailing = lab.once(scene)
    (customer,) = mailing.idle["recipients"]
    url, command = _headers(lab, mailing.idle)
    before = _suppressed(lab)
    answer = requests.post(
        url.strip("<>"), data=dict([command.split("=")]), timeout=60, proxies=_DIRECT
    )
    same("answer", answer.status_code, 200)
    sql = """SELECT opt_out FROM mailing_subscription AS subscription
               JOIN mailing_contact AS contact ON contact.id = contact_id
              WHERE contact.email = %s"""
    same("opted out", lab.value(sql, customer), True)
    again = lab.inside(_REMAINING, number=mailing.id)
    true(f"{customer} would get the next mailing", customer not in again)
    same("suppressed at Mailgun", _suppressed(lab), before)
    subject = lab.new("Invoice")
    lab.post(subject, lab.contacts(customer))
    (invoice,) = lab.mailgun.given(subject)
    same("who did not get the invoice", invoice["failed"], [])


_DIRECT = {"http": "", "https": ""}

_MAKE = """
contacts = [Command.create({"name": one, "email": one}) for one in people]
list = env["mailing.list"].create({"name": subject, "contact_ids": contacts})
mailing = env["mailing.mailing"].create({
    "subject": subject,
    "email_from": "news@" + domain,
    "reply_to": "news@" + domain,
    "mailing_model_id": env.ref("mass_mailing.model_mailing_list").id,
    "contact_list_ids": [Command.set(list.ids)],
    "body_html": "<p>News: <a href='https://www.example.com/new'>look here</a></p>"
        "<p><a href='/unsubscribe_from_list'>Unsubscribe</a></p>",
})
found = mailing.id
"""

_UNSUBSCRIBE_HEADERS = """
mailing = env["mailing.mailing"].browse(number)
found = {}
for contact in env["mailing.contact"].search([("email", "in", people)]):
    url = mailing._get_unsubscribe_oneclick_url(contact.email, contact.id)
    found[contact.email] = ["<%s>" % url, "List-Unsubscribe=One-Click"]
"""

_REMAINING = """
mailing = env["mailing.mailing"].browse(number)
copy = mailing.copy()
optouts = mailing._get_opt_out_list()
recipients = env["mailing.contact"].browse(copy._get_remaining_recipients())
found = [one.email for one in recipients if one.email not in optouts]
"""


def _headers(lab: Lab, mail: dict) -> list[str]:
    head = lab.mailgun.head(mail)
    names = ("List-Unsubscribe", "List-Unsubscribe-Post")
    return [re.sub(r"\s+", "", str(head[name])) for name in names]


def _suppressed(lab: Lab) -> list[list[str]]:
    return [lab.mailgun.suppressions(TOLD, kind, API_KEY) for kind in _SUPPRESSIONS]
