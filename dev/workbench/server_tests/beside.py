"""Another module that has its hands in every mail: OCA's ``mail_tracking``."""

import json

from ..lab.lab import Lab
from ..machine.steps import StepFailed
from ..servers import oca, odoo_run
from ..servers.sentences import NotChecked, Subject, Wrong, same

SUBJECT = Subject("beside")

_MODULE = "mail_tracking"


def scene(lab: Lab) -> None:
    """Install the module into the database, and run Odoo with it."""
    try:
        oca.fetch(_MODULE)
    except StepFailed as error:
        raise NotChecked(str(error)) from None
    addons = ("--addons-path", str(oca.folder(_MODULE)))
    lab.stop()
    ended = odoo_run.run(
        lab.steps,
        lab.postgres_env,
        lab.database,
        "server-beside",
        *(*addons, "--init", _MODULE, "--stop-after-init"),
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
