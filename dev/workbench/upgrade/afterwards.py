"""What holds of the old data once the module is upgraded."""

import base64

from ..lab.lab import Lab
from ..lab.settings import API_KEY, ASKING, ONLY_SENDING, SENDING_KEY, TOLD
from ..servers.sentences import Subject, same, true
from . import old_data
from .old_data import COPIED, DRAFT, PEOPLE, mails, press

SUBJECT = Subject("upgrade")

_DOMAINS, _JOURNAL = "mailgun.domain", "mailgun.inbound.email"


@SUBJECT.says
def every_form_opens(lab: Lab) -> None:
    """Each record of the old version opens in its list and in its form."""
    names = lab.admin.call("ir.model", "search_read", _STORED, ["model"])
    for model in [one["model"] for one in names]:
        ids = lab.inside(_ALL, model=model)
        for kind in ("list", "form"):
            found = lab.admin.call(model, "get_views", [[False, kind]])
            shown = found["models"][model]["fields"]
            read = lab.admin.call(model, "web_read", ids, {name: {} for name in shown})
            same(f"records of {model}", len(read), len(ids))


_STORED = [
    "|",
    ("model", "=like", "mailgun.%"),
    ("model", "in", ["mail.mail", "ir.mail_server", "fetchmail.server"]),
    ("abstract", "=", False),
]
_ALL = "found = env[model].with_context(active_test=False).search([]).ids"


@SUBJECT.says
def keys_open(lab: Lab) -> None:
    """The keys that the old version has stored can be read."""
    found = lab.inside(_KEYS)
    for name in (DRAFT, COPIED, old_data.ARCHIVED):
        same(f"keys of {name}", found[name], [f"key-of-{name}", f"signing-{name}", ""])
    same(f"keys of {TOLD}", found[TOLD][::2], [API_KEY, old_data.OLD_SIGNING_KEY])
    same(f"key of {ONLY_SENDING}", found[ONLY_SENDING][0], SENDING_KEY)


_KEYS = """
names = ("api_key", "webhook_signing_key", "webhook_signing_key_previous")
domains = env["mailgun.domain"].with_context(active_test=False).search([])
found = {}
for domain in domains:
    found[domain.name] = []
    for name in names:
        found[domain.name].append(domain._get_secret(name))
"""


@SUBJECT.says
def domains_stay_as_they_were(lab: Lab) -> None:
    """Domains in use stay so, copied ones stay foreign, drafts stay drafts."""
    found = lab.admin.call(_DOMAINS, "search_read", [], ["name", "state", "is_foreign"])
    states = {one["name"]: (one["state"], one["is_foreign"]) for one in found}
    wanted = dict.fromkeys((TOLD, ASKING, ONLY_SENDING), ("ready", False))
    same("states", states, {**wanted, COPIED: ("ready", True), DRAFT: ("draft", False)})


@SUBJECT.says
def what_was_posted_is_known(lab: Lab) -> None:
    """A mail and an event that Mailgun posts once more make no second row."""
    posts, tables = lab.mailgun.posts(), ("mailgun_inbound_email", "mailgun_event")
    last = [lab.value(f"SELECT max(id) FROM {table}") for table in tables]
    for number, post in enumerate(posts, 1):
        lab.mailgun.repeat(post["id"])
        if number % _AT_ONCE == 0 or number == len(posts):
            lab.steps.wait_for("posts to be repeated", lab.mailgun.is_told)
    refused = [one for one in lab.mailgun.posts() if one["outcome"] != "taken"]
    same("posts that were refused", refused, [])
    same("new mails", lab.rows(_NEW_MAILS, last[0]), [])
    same("events twice", lab.rows(_EVENTS_TWICE, last[1], last[1]), [])


# Odoo has connections for no more than some dozens of posts at a time.
_AT_ONCE = 20
_NEW_MAILS = "SELECT subject FROM mailgun_inbound_email WHERE id > %s"
# Mailgun tells of a mail that it has handed over once more, too.
_EVENTS_TWICE = """
    SELECT event, recipient FROM mailgun_event
     WHERE id > %s
       AND event_id IN (SELECT event_id FROM mailgun_event WHERE id <= %s)"""


@SUBJECT.says
def bytes_are_those_that_came(lab: Lab) -> None:
    """The bytes of a mail are still those that arrived."""
    row = lab.admin.search(_JOURNAL, ("subject", "=", "Eight bits"))
    (found,) = lab.admin.call(_JOURNAL, "read", row, ["raw"])
    mail = old_data.letter("Eight bits", PEOPLE, "<8@customer.test>").as_bytes()
    raw = base64.b64decode(found["raw"]).replace(b"\r\n", b"\n")
    same("bytes", raw, mail + old_data.LATIN)


@SUBJECT.says
def mails_are_told_apart(lab: Lab) -> None:
    """A mail whose bytes are there is known by its checksum when they are gone."""
    same("mails without a checksum", lab.rows(_UNMARKED), [])


_UNMARKED = """
    SELECT subject FROM mailgun_inbound_email AS mail
     WHERE fingerprint IS NULL
       AND EXISTS (SELECT FROM ir_attachment
                    WHERE res_model = 'mailgun.inbound.email'
                      AND res_field = 'raw' AND res_id = mail.id)"""


@SUBJECT.says
def waiting_mail_is_routed(lab: Lab) -> None:
    """Mail that waited in the journal is routed, the first time or once more."""
    lab.execute("UPDATE mailgun_inbound_email SET next_attempt_at = create_date")
    _route(lab)
    for subject in ("Still waiting", "Tried in vain", "Stored"):
        _became_a_contact(lab, subject)


@SUBJECT.says
def held_mail_says_what_to_do(lab: Lab) -> None:
    """Mail that was held back says why and, apart from that, what to do."""
    sql = """SELECT error, remedy FROM mailgun_inbound_email
              WHERE state IN ('held', 'unrouted')"""
    found = lab.rows(sql)
    true("no mail was held", found)
    for error, remedy in found:
        true(f"it does not say what to do: {error}", "ress " in (remedy or ""))
        true(f"the reason says what to do: {error}", "ress R" not in error)


@SUBJECT.says
def failed_mail_is_routed_on_demand(lab: Lab) -> None:
    """Mail that failed or was held back is routed when somebody says so."""
    lab.inside("env['mail.alias'].search([]).write({'alias_defaults': '{}'})")
    press(lab, _JOURNAL, "action_retry", "subject", "An offer of ours")
    for subject in ("Cheap watches", "Another question"):
        press(lab, _JOURNAL, "action_release", "subject", subject)
    _route(lab)
    for subject in ("An offer of ours", "Cheap watches", "Another question"):
        _became_a_contact(lab, subject)


def _route(lab: Lab) -> None:
    lab.inside("env['mailgun.inbound.email']._process_queue()")


def _became_a_contact(lab: Lab, subject: str) -> None:
    sql = "SELECT state, error FROM mailgun_inbound_email WHERE subject = %s"
    same(subject, lab.rows(sql, subject), [("done", None)])
    contacts = lab.admin.search("res.partner", ("name", "=", subject))
    same(f"contacts called {subject}", len(contacts), 1)


@SUBJECT.says
def new_mail_arrives(lab: Lab) -> None:
    """Mail that is posted now is believed and routed, a reply to old mail as well."""
    lab.admin.call("ir.config_parameter", "set_param", "mail_mailgun.routing_slots", 2)
    old_data.write_to(lab, old_data.letter("New", PEOPLE, "<n@customer.test>"), PEOPLE)
    lab.mailgun.reply(lab.mailgun.given("Our second offer")[-1]["id"], "Ten, please.\n")
    lab.steps.wait_for("mail to be posted", lab.mailgun.is_told)
    lab.steps.wait_for("mail to be routed", lambda: not old_data.pending(lab))
    _became_a_contact(lab, "New")
    sql = """SELECT model FROM mail_message WHERE body LIKE '%%Ten, please%%'
                AND subject = %s"""
    same("replies", lab.rows(sql, "Re: Our second offer"), [("res.partner",)])


@SUBJECT.says
def events_are_applied(lab: Lab) -> None:
    """Events that waited are applied, and those that failed when somebody says so."""
    press(lab, "mailgun.event", "action_retry", "state", "failed")
    lab.apply_events()
    sql = """SELECT DISTINCT delivery.state FROM mailgun_delivery AS delivery
               JOIN mail_mail ON mail_mail.id = mail_id
               JOIN mail_message ON mail_message.id = mail_message_id
              WHERE subject = ANY(%s)"""
    subjects = ["Cannot be noted", "Under way"]
    same("deliveries", lab.rows(sql, subjects), [("delivered",)])
    sql = "SELECT count(*) FROM mailgun_event WHERE state IN ('pending', 'failed')"
    same("events left", lab.value(sql), 0)


@SUBJECT.says
def a_person_still_decides(lab: Lab) -> None:
    """Mail of which nobody knows is sent again, or not, as a person says."""
    for subject, button, copies in (
        ("arrived", "action_mailgun_arrived", 1),
        ("uncertain", "action_mailgun_send_again", 2),
        ("stale", "action_mailgun_send", 1),
    ):
        press(lab, "mail.mail", button, "subject", subject)
        _is_sent(lab, subject, copies)


@SUBJECT.says
def waiting_mail_is_sent(lab: Lab) -> None:
    """Mail that waits for Mailgun, a repair or a confirmation is sent in its time."""
    for subject in ("wait", "setting", "doubt"):
        sql = "UPDATE mail_mail SET scheduled_date = NULL WHERE id = ANY(%s)"
        lab.execute(sql, mails(lab, subject))
    lab.settle()
    for subject in ("wait", "setting", "doubt"):
        _is_sent(lab, subject, 1)


def _is_sent(lab: Lab, subject: str, copies: int) -> None:
    found = mails(lab, subject)
    lab.send(found)
    sql = "SELECT state, mailgun_wait FROM mail_mail WHERE id = ANY(%s)"
    same(f"the mail “{subject}”", lab.rows(sql, found), [("sent", None)])
    same(f"copies of “{subject}”", len(lab.mailgun.given(subject)), copies)


@SUBJECT.says
def a_held_file_is_released(lab: Lab) -> None:
    """A file that was held back is attached to its message when it is released."""
    press(lab, "mailgun.held.attachment", "action_release", "name", "waits.exe")
    file = lab.admin.search(
        "ir.attachment", ("name", "=", "waits.exe"), ("res_model", "=", "res.partner")
    )
    (found,) = lab.admin.call("ir.attachment", "read", file, ["datas"])
    same("bytes", base64.b64decode(found["datas"]), old_data.PROGRAM)


@SUBJECT.says
def lists_go_on(lab: Lab) -> None:
    """Lists at Mailgun are read on, and Odoo takes back only what it has put there."""
    lab.inside("env['mail.blacklist']._remove('nonews@customer.test')")
    lab.inside("env['mailgun.domain']._poll()")
    lab.inside("env['mailgun.domain']._poll()")
    troubles = lab.rows("SELECT poll_trouble FROM mailgun_domain WHERE name = %s", TOLD)
    same("troubles", troubles, [(None,)])
    found = lab.mailgun.suppressions(ASKING, "unsubscribes", API_KEY)
    true(f"{found} have unsubscribed", "nonews@customer.test" not in found and found)


@SUBJECT.says
def a_suppression_is_lifted(lab: Lab) -> None:
    """The wizard that was open lifts a suppression."""
    wizard = lab.admin.search("mailgun.lift.suppression")
    lab.admin.call("mailgun.lift.suppression", "action_lift", wizard)
    bounced = lab.mailgun.suppressions(TOLD, "bounces", API_KEY)
    true(f"{bounced} bounce", "bounced@customer.test" not in bounced)


@SUBJECT.says
def disconnect_takes_back(lab: Lab) -> None:
    """Disconnect takes back what the old version has made, at Mailgun and in Odoo."""
    domain = lab.admin.search(_DOMAINS, ("name", "=", TOLD))
    lab.admin.call(_DOMAINS, "action_disconnect", domain)
    sql = """SELECT name FROM ir_mail_server WHERE mailgun_domain_id = %s
              UNION SELECT name FROM fetchmail_server WHERE mailgun_domain_id = %s"""
    same("mail servers", lab.rows(sql, *domain, *domain), [])
    same("routes and webhooks", lab.mailgun.set_up(), [])
