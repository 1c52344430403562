"""Modules that have their hands in every mail: OCA's ``mail_tracking``, and with it
``mail_tracking_mailgun``, from which people come here."""

import json
from urllib.parse import urlsplit

from ..lab.lab import Lab
from ..lab.settings import API_KEY, SIGNING_KEY, TOLD
from ..machine.steps import StepFailed
from ..servers import oca, odoo_run
from ..servers.sentences import NotChecked, Subject, Wrong, same

SUBJECT = Subject("beside")

_MODULES = ("mail_tracking", "mail_tracking_mailgun")
# Where Mailgun tells that module of events.
_THEIRS = "/mail/tracking/mailgun/all"
_OURS = "/mailgun/events"


def scene(lab: Lab) -> None:
    """Install what tracks mail into the database, and run Odoo with it."""
    _install(lab, "mail_tracking")


def scene_with_events(lab: Lab) -> None:
    """Install what is told of Mailgun's events as well."""
    lab.once(scene)
    _install(lab, "mail_tracking_mailgun")


def _install(lab: Lab, module: str) -> None:
    try:
        oca.fetch(*_MODULES)
    except StepFailed as error:
        raise NotChecked(str(error)) from None
    addons = ("--addons-path", str(oca.folder(*_MODULES)))
    lab.stop()
    ended = odoo_run.run(
        lab.steps,
        lab.postgres_env,
        lab.database,
        "server-beside",
        *(*addons, "--init", module, "--stop-after-init"),
    )
    lab.start(*addons)
    if ended.status:
        raise Wrong(ended.problems)


@SUBJECT.says
def mail_is_sent_and_tracked(lab: Lab) -> None:
    """With OCA's mail_tracking installed a mail waits, is sent and tracked."""
    lab.once(scene)
    subject, people = lab.new("Tracked"), lab.addresses(2)
    mails = lab.write(subject, "", recipient_ids=[(6, 0, lab.contacts(*people))])
    lab.mailgun.fail({"path": "messages", "answer": 429, "count": 1})
    lab.send(mails)
    same("state", lab.states(mails), ["outgoing"])
    lab.send(mails)
    same("state", lab.states(mails), ["sent"])
    given = lab.mailgun.given(subject)
    recipients = [mail["recipients"] for mail in given]
    same("recipients", sorted(recipients), sorted([one] for one in people))
    tracked = {int(lab.mailgun.head(mail)["X-Odoo-MailTracking-ID"]) for mail in given}
    sql = "SELECT state FROM mail_tracking_email WHERE id = ANY(%s)"
    same("tracked", lab.rows(sql, list(tracked)), [("sent",)] * 2)


@SUBJECT.says
def variables_are_merged(lab: Lab) -> None:
    """Variables that another module sends along are there beside ours."""
    lab.once(scene)
    subject, (recipient,) = lab.new("Variables"), lab.addresses(1)
    headers = str({"X-Mailgun-Variables": json.dumps({"order": {"number": 7}})})
    mails = lab.write(subject, recipient, headers=headers)
    lab.send(mails)
    (mail,) = lab.mailgun.given(subject)
    found = json.loads(lab.mailgun.head(mail)["X-Mailgun-Variables"])
    ours = found.pop("odoo", "")
    same("theirs", found, {"order": {"number": 7}})
    sql = "SELECT reference FROM mailgun_delivery WHERE mail_id = %s"
    same("ours", ours, lab.value(sql, mails[0]))
    lab.apply_events()
    same("deliveries", lab.deliveries(mails), [(recipient, "delivered")])


@SUBJECT.says
def both_are_told_until_one_leaves(lab: Lab) -> None:
    """Events reach OCA's module and this one; what it unregisters Repair puts back."""
    lab.once(scene_with_events)
    (domain,) = lab.admin.search("mailgun.domain", ("name", "=", TOLD))
    for name, value in (
        ("apikey", API_KEY),
        ("webhook_signing_key", SIGNING_KEY),
        ("api_url", lab.mailgun.url),
        ("domain", TOLD),
    ):
        lab.admin.call("ir.config_parameter", "set_param", f"mailgun.{name}", value)
    subject, (recipient,) = lab.new("Told twice"), lab.addresses(1)
    mails = lab.write(subject, recipient)
    lab.send(mails)
    # What comes before the mail is committed is lost to OCA's module.
    lab.apply_events()
    _press(lab, "unregister")
    _press(lab, "register")
    same("webhooks", _told(lab), {_THEIRS})
    lab.admin.call("mailgun.domain", "action_repair", [domain])
    same("webhooks with both", _told(lab), {_THEIRS, _OURS})
    (given,) = lab.mailgun.given(subject)
    lab.mailgun.react(given, "opened")
    lab.apply_events()
    same("deliveries", lab.deliveries(mails), [(recipient, "opened")])
    sql = "SELECT state FROM mail_tracking_email WHERE recipient = %s"
    same("their tracking", lab.rows(sql, recipient), [("opened",)])
    _press(lab, "unregister")
    same("webhooks afterwards", _told(lab), set())
    lab.admin.call("mailgun.domain", "action_repair", [domain])
    same("webhooks after Repair", _told(lab), {_OURS})


def _press(lab: Lab, what: str) -> None:
    """Press one of the two buttons for webhooks in OCA's settings."""
    settings = lab.admin.call("res.config.settings", "create", [{}])
    method = f"mail_tracking_mailgun_{what}_webhooks"
    lab.admin.call("res.config.settings", method, settings)


def _told(lab: Lab) -> set[str]:
    """Return the addresses in Odoo that Mailgun tells that a mail is opened."""
    urls = lab.mailgun.webhooks(TOLD, API_KEY, "opened")
    return {urlsplit(url).path for url in urls}
