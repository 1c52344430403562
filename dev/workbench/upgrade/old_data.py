"""What a company has in its database after some time with the earlier version.

All of it is made by that version: by its web client's calls, by mail and events that
the local Mailgun posts to it, and by the answers that it gets. Only time is helped.
"""

from email.message import EmailMessage

import requests

from ..lab import settings
from ..lab.lab import Lab
from ..lab.settings import API_KEY, ASKING, ONLY_SENDING, TOLD

PEOPLE = f"people@{TOLD}"
# Its alias gives new contacts a type that there is none of.
BROKEN = f"broken@{TOLD}"
PROGRAM = b"MZ" + bytes(range(256)) * 8
OLD_SIGNING_KEY = "signing-key-before"

DRAFT, COPIED, ARCHIVED = "draft.example.com", "copied.example.com", "old.example.com"

_SPAM = {
    "X-Mailgun-Sflag": "Yes",
    "X-Mailgun-Sscore": "9.1",
    "X-Mailgun-Spf": "Pass",
    "X-Mailgun-Dkim-Check-Result": "Pass",
}
# Mail in: subject, recipient, and further headers.
_LETTERS = (
    ("A question", PEOPLE, {}),
    ("An offer of ours", BROKEN, {}),
    ("Nobody there", f"nobody@{TOLD}", {}),
    ("Cheap watches", PEOPLE, _SPAM),
    ("Cheap pills", PEOPLE, _SPAM),
    ("Welcome spam", PEOPLE, _SPAM),
)
# Bytes that are no text in any encoding that a mail may name.
LATIN = "Grüße".encode("latin-1")
_FILES = ("waits.exe", "released.exe", "discarded.exe")
# Mail out: what becomes of it.
_REACTIONS = ("opened", "clicked", "unsubscribed", "complained")
_MAILBOXES = {"bounced": "bounced", "deferred": "deferred", "delivered": "taken"}


def make(lab: Lab) -> None:
    """Let the company work."""
    settings.apply(lab, 25)
    _prepare(lab)
    _send(lab)
    _receive(lab)
    _wait(lab)
    _read_lists(lab)
    _open_wizards(lab)
    _leave_in_the_middle(lab)


def letter(subject: str, to: str, message_id: str, **headers: str) -> EmailMessage:
    """Return a mail of a customer."""
    mail = EmailMessage()
    mail["From"] = "Customer <customer@customer.test>"
    mail["To"], mail["Subject"], mail["Message-Id"] = to, subject, message_id
    for name, value in headers.items():
        mail[name] = value
    mail.set_content(f"{subject}, please.\n")
    return mail


def write_to(lab: Lab, mail: EmailMessage, recipient: str) -> None:
    """Let a mail arrive at Odoo."""
    lab.mailgun.deliver(mail.as_bytes(), "customer@customer.test", [recipient])
    lab.steps.wait_for("mail to be posted", lab.mailgun.is_told)


def pending(lab: Lab) -> int:
    """Return how many mails wait to be routed."""
    return lab.value(
        "SELECT count(*) FROM mailgun_inbound_email WHERE state = 'pending'"
    )


def press(lab: Lab, model: str, button: str, field: str, value: str) -> None:
    """Press a button of the records that have a value."""
    found = lab.admin.search(model, (field, "=", value))
    if not found:
        raise LookupError(f"{model} with {field} {value}")
    lab.admin.call(model, button, found)


def mails(lab: Lab, subject: str) -> list[int]:
    """Return the ``mail.mail`` of a subject."""
    return lab.admin.search("mail.mail", ("subject", "=", subject))


# --- settings -------------------------------------------------------------------------


def _prepare(lab: Lab) -> None:
    admin, domains = lab.admin, "mailgun.domain"
    told = admin.search(domains, ("name", "=", TOLD))
    admin.call(
        domains,
        "write",
        told,
        {
            "spam_policy": "hold",
            "attachment_policy": "hold",
            "trusted_forwarders": "list.example.net",
            "lane_count": 3,
            "answer_unknown": True,
            "keep_reader_details": True,
            "webhook_signing_key_previous": OLD_SIGNING_KEY,
        },
    )
    for name in (DRAFT, COPIED, ARCHIVED):
        key = {"api_key": f"key-of-{name}", "webhook_signing_key": f"signing-{name}"}
        values = {"name": name, "region": "eu", "test_mode": True, "require_tls": True}
        values.update(subaccount="shop", public_url="https://odoo.example.com")
        domain = admin.call(domains, "create", [{**values, **key}])
        if name != DRAFT:
            admin.call(domains, "action_confirm", domain)
        if name == ARCHIVED:
            admin.call(domains, "write", domain, {"active": False})
    # As after a copy of the database.
    lab.execute(
        "UPDATE mailgun_domain SET database_name = 'production' WHERE name = %s", COPIED
    )
    lab.inside(_ALIASES)


_ALIASES = """
model = env["ir.model"]._get_id("res.partner")
domain = env["mailgun.domain"].search([("name", "=", "mail.example.com")])
for name, defaults in (("people", {}), ("broken", {"type": "nonsense"})):
    env["mail.alias"].create({
        "alias_name": name,
        "alias_domain_id": domain.alias_domain_id.id,
        "alias_model_id": model,
        "alias_contact": "everyone",
        "alias_defaults": repr(defaults),
    })
"""


# --- mail out -------------------------------------------------------------------------


def _send(lab: Lab) -> None:
    """Send to people of whom each does something else."""
    addresses = {name: f"{name}@customer.test" for name in (*_MAILBOXES, *_REACTIONS)}
    for name, answer in _MAILBOXES.items():
        lab.mailgun.mailbox_answers(addresses[name], answer)
    contacts = lab.contacts(*addresses.values())
    lab.post("Our offer", contacts)
    lab.apply_events()
    for mail in lab.mailgun.given("Our offer"):
        (recipient,) = mail["recipients"]
        if (kind := recipient.partition("@")[0]) in _REACTIONS:
            lab.mailgun.react(mail, kind)
    lab.apply_events()
    # Whoever has bounced is on Mailgun's list now, and the address is wrong.
    lab.post("Our second offer", contacts)
    lab.send(lab.write("No address", "näme@customer.test"))
    twice = lab.write("Twice", *lab.addresses(1))
    lab.send(twice)
    lab.admin.call("mail.mail", "mark_outgoing", twice)
    lab.send(twice)
    _tell_of_others(lab)
    lab.apply_events()
    _fail_an_event(lab)


def _tell_of_others(lab: Lab) -> None:
    """Let another program send by the same domain."""
    mail = {"from": f"shop@{TOLD}", "to": "x@customer.test", "text": "Thanks"}
    _call(lab, "POST", f"{TOLD}/messages", mail)


def _call(lab: Lab, method: str, path: str, data: dict | None = None) -> dict:
    """Call Mailgun past Odoo."""
    answer = requests.request(
        method,
        f"{lab.mailgun.url}/v3/{path}",
        auth=("api", API_KEY),
        data=data,
        timeout=60,
    )
    answer.raise_for_status()
    return answer.json()


def _fail_an_event(lab: Lab) -> None:
    lab.send(lab.write("Cannot be noted", *lab.addresses(1)))
    lab.steps.wait_for("events to be posted", lab.mailgun.is_told)
    lab.execute(_REFUSE)
    lab.apply_events()
    lab.execute("DROP TRIGGER refuse ON mailgun_delivery; DROP FUNCTION refuse")


_REFUSE = """
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE 'not now'; END $$;
CREATE TRIGGER refuse BEFORE UPDATE ON mailgun_delivery EXECUTE FUNCTION refuse();
"""


# --- mail that waits ------------------------------------------------------------------


def _wait(lab: Lab) -> None:
    """Send while Mailgun gives trouble; the subject says what the mail waits for."""
    # What routing has sent would get the trouble instead.
    sql = "SELECT count(*) FROM mail_mail WHERE state = 'outgoing'"
    lab.steps.wait_for("other mail to leave", lambda: lab.value(sql) == 0)
    for wait, domain, answer in (
        ("stale", ASKING, 429),
        ("uncertain", ONLY_SENDING, "lost"),
        ("arrived", ONLY_SENDING, "lost"),
    ):
        _send_into_trouble(lab, wait, domain, answer)
    lab.execute(
        """UPDATE mail_mail SET scheduled_date = NULL,
                  mailgun_wait_since = mailgun_wait_since - interval '2 days'
             FROM mail_message WHERE mail_message.id = mail_message_id
              AND subject = 'stale'"""
    )
    lab.send(mails(lab, "stale"))
    lab.steps.wait_for("somebody to be asked", lambda: _is_asked(lab))
    for wait, domain, answer in (
        ("wait", ASKING, 429),
        ("setting", ASKING, 402),
        ("doubt", ASKING, "lost"),
    ):
        _send_into_trouble(lab, wait, domain, answer)


def _is_asked(lab: Lab) -> bool:
    lab.settle()
    found = lab.rows(_ASKING)
    return found == [("arrived",), ("stale",), ("uncertain",)]


_ASKING = """
    SELECT subject FROM mail_mail
      JOIN mail_message ON mail_message.id = mail_message_id
     WHERE mailgun_wait IN ('stale', 'uncertain') AND mail_mail.state = 'exception'
     ORDER BY subject"""


def _send_into_trouble(lab: Lab, subject: str, domain: str, answer) -> None:
    lab.mailgun.fail({"path": "messages", "answer": answer, "count": 1})
    lab.send(lab.write(subject, *lab.addresses(1), email_from=f"sales@{domain}"))
    lab.mailgun.fail()


# --- mail in --------------------------------------------------------------------------

_FORGED = {"timestamp": "1700000000", "token": "0" * 50, "signature": "0" * 64}


def _receive(lab: Lab) -> None:
    for number, (subject, recipient, headers) in enumerate(_LETTERS):
        mail = letter(subject, recipient, f"<{number}@customer.test>", **headers)
        write_to(lab, mail, recipient)
    raw = letter("Eight bits", PEOPLE, "<8@customer.test>").as_bytes() + LATIN
    lab.mailgun.deliver(raw, "customer@customer.test", [PEOPLE])
    # Another mail under the same Message-Id.
    write_to(lab, letter("Another question", PEOPLE, "<0@customer.test>"), PEOPLE)
    # The same mail for a recipient who needs no copy.
    write_to(lab, letter("A question", PEOPLE, "<0@customer.test>"), f"boss@{TOLD}")
    requests.post(f"{lab.url}/mailgun/inbound", {"recipient": PEOPLE, **_FORGED})
    for name in _FILES:
        mail = letter(name, PEOPLE, f"<{name}@customer.test>")
        mail.add_attachment(PROGRAM, "application", "octet-stream", filename=name)
        write_to(lab, mail, PEOPLE)
    (offer,) = [
        mail
        for mail in lab.mailgun.given("Our offer")
        if mail["recipients"] == ["opened@customer.test"]
    ]
    lab.mailgun.reply(offer["id"], "Three hundred, please.\n")
    lab.steps.wait_for("mail to be routed", lambda: not pending(lab))
    journal, files = "mailgun.inbound.email", "mailgun.held.attachment"
    press(lab, journal, "action_release", "subject", "Welcome spam")
    press(lab, journal, "action_discard", "subject", "Cheap pills")
    press(lab, files, "action_release", "name", "released.exe")
    press(lab, files, "action_discard", "name", "discarded.exe")
    lab.inside("env['mailgun.inbound.email']._process_queue()")


# --- lists and wizards ----------------------------------------------------------------


def _read_lists(lab: Lab) -> None:
    """Take Mailgun's lists over, and Odoo's to Mailgun's."""
    lab.inside("env['mail.blacklist']._add('nonews@customer.test')")
    asking = lab.admin.search("mailgun.domain", ("name", "=", ASKING))
    lab.admin.call("mailgun.domain", "write", asking, {"is_marketing": True})
    lab.inside("env['mailgun.domain']._poll()")
    lab.inside("env['mailgun.domain']._check_daily()")


def _open_wizards(lab: Lab) -> None:
    delivery = lab.admin.search(
        "mailgun.delivery", ("recipient", "=", "bounced@customer.test")
    )
    lab.admin.call("mailgun.delivery", "action_lift_suppression", delivery[:1])
    told = lab.admin.search("mailgun.domain", ("name", "=", TOLD))
    action = lab.admin.call("mailgun.domain", "action_round_trip", told)
    lab.admin.call("mailgun.round.trip", "start", [action["res_id"]])


# --- what is under way when the server goes down --------------------------------------


def _leave_in_the_middle(lab: Lab) -> None:
    lab.steps.wait_for("events to be posted", lab.mailgun.is_told)
    lab.send(lab.write("Under way", "underway@customer.test"))
    lab.admin.call("ir.config_parameter", "set_param", "mail_mailgun.routing_slots", 0)
    write_to(lab, letter("Tried in vain", PEOPLE, "<v@customer.test>"), PEOPLE)
    lab.execute(_LOSE)
    lab.inside("env['mailgun.inbound.email']._process_queue()")
    lab.execute("DROP TRIGGER lose ON res_partner; DROP FUNCTION lose")
    write_to(lab, letter("Still waiting", PEOPLE, "<w@customer.test>"), PEOPLE)
    _leave_at_mailgun(lab)


def _leave_at_mailgun(lab: Lab) -> None:
    """Let a mail arrive of which Mailgun keeps the most (``store(notify=…)``)."""
    notify = f'store(notify="{lab.url}/mailgun/inbound")'
    rule = {"expression": f'match_recipient("{_STORED}")', "priority": -1}
    rule["action"] = [notify, "stop()"]
    route = _call(lab, "POST", "routes", rule)["route"]["id"]
    write_to(lab, letter("Stored", PEOPLE, "<s@customer.test>"), _STORED)
    _call(lab, "DELETE", f"routes/{route}")


_STORED = f"stored@{TOLD}"

_LOSE = """
CREATE FUNCTION lose() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE 'too many at once' USING ERRCODE = '55P03'; END $$;
CREATE TRIGGER lose BEFORE INSERT ON res_partner EXECUTE FUNCTION lose();
"""
