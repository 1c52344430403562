"""Mail servers side by side: two domains at Mailgun, and one that speaks SMTP."""

import time
from concurrent.futures import ThreadPoolExecutor

from ..lab.lab import Lab
from ..lab.settings import ASKING, BY_SMTP, TOLD
from ..servers.sentences import Subject, same, true

SUBJECT = Subject("servers")

# Seconds that Mailgun takes to tell of a domain.
_SLOW = 1.0
_NOTE = "UPDATE mailgun_domain SET last_sent_at = now() WHERE name = %s"


@SUBJECT.says
def the_sender_decides(lab: Lab) -> None:
    """Mails of one batch leave by the servers whose addresses they are from."""
    mails = []
    for domain in (TOLD, ASKING, BY_SMTP):
        sender = f"sales@{domain}"
        subject, people = lab.new("Sender"), lab.addresses(6)
        mails += lab.write(subject, *people, email_from=sender)
    lab.send(mails, auto_commit=True)
    same("states", set(lab.states(mails)), {"sent"})
    found = [_left_by(lab, mail) for mail in mails]
    same("servers", found, [[TOLD]] * 6 + [[ASKING]] * 6 + [[BY_SMTP]] * 6)


@SUBJECT.says
def a_template_decides(lab: Lab) -> None:
    """A template with a server of its own leaves by it, whatever the sender."""
    (contact,) = lab.contacts(*lab.addresses(1))
    for wanted in (BY_SMTP, ASKING):
        mail = lab.inside(_SEND_TEMPLATE, contact=contact, server=_server(lab, wanted))
        same("state", lab.states([mail]), ["sent"])
        same("servers", _left_by(lab, mail), [wanted])


@SUBJECT.says
def an_archived_server_is_refused(lab: Lab) -> None:
    """An archived server of ours is refused in core's words, and nothing is sent."""
    reasons = []
    for domain in (ASKING, BY_SMTP):
        server = _server(lab, domain)
        subject, people = lab.new("Archived"), lab.addresses(1)
        mails = lab.write(subject, *people, mail_server_id=server)
        lab.admin.call("ir.mail_server", "write", [server], {"active": False})
        lab.send(mails)
        lab.admin.call("ir.mail_server", "write", [server], {"active": True})
        same("state", lab.states(mails), ["exception"])
        same("servers", _left_by(lab, mails[0]), [])
        sql = "SELECT failure_reason FROM mail_mail WHERE id = %s"
        name = lab.value("SELECT name FROM ir_mail_server WHERE id = %s", server)
        reasons.append(lab.value(sql, mails[0]).replace(name, "..."))
    ours, of_core = reasons
    same("reason", ours, of_core)
    true(f"it does not say why: {ours}", "archived" in ours)


@SUBJECT.says
def a_check_is_in_nobodys_way(lab: Lab) -> None:
    """The daily check of a domain and a mail that leaves meanwhile do not collide."""
    checked = "SELECT remote_checked_at FROM mailgun_domain WHERE name = %s"
    before = lab.value(checked, TOLD)
    lab.mailgun.fail({"path": "domains", "delay": _SLOW})
    lab.collisions.begin()
    with ThreadPoolExecutor() as pool:
        check = pool.submit(lab.inside, "env['mailgun.domain']._check_daily()")
        time.sleep(_SLOW / 2)
        # As sending does, a minute after it has done so the last time.
        lab.execute(_NOTE, TOLD)
        check.result()
    lab.mailgun.fail()
    same("conflicts", lab.collisions.found(), [])
    true("Mailgun was not asked", lab.value(checked, TOLD) != before)


@SUBJECT.says
def each_company_has_its_domain(lab: Lab) -> None:
    """What is said about a company's records leaves by that company's domain."""
    subject = lab.new("Company")
    for domain, code in ((ASKING, _IN_OTHER_COMPANY), (TOLD, _IN_THIS_COMPANY)):
        (recipient,) = lab.addresses(1)
        lab.inside(code + _POST, subject=subject, to=recipient, domain=domain)
        (mail,) = [
            one
            for one in lab.mailgun.given(subject)
            if one["recipients"] == [recipient]
        ]
        same("domain", mail["domain"], domain)
        head = lab.mailgun.head(mail)
        found = [head[name].addresses[0].addr_spec for name in ("From", "Reply-To")]
        wanted = [f"notifications@{domain}", f"catchall@{domain}"]
        same("From and Reply-To", found, wanted)


def _server(lab: Lab, domain: str) -> int:
    (server,) = lab.admin.search("ir.mail_server", ("from_filter", "=", domain))
    return server


def _left_by(lab: Lab, mail: int) -> list[str]:
    """Return by which servers a mail has left."""
    sql = """SELECT message_id FROM mail_message
              WHERE id = (SELECT mail_message_id FROM mail_mail WHERE id = %s)"""
    message_id = lab.value(sql, mail)
    given = [one for one in lab.mailgun.mails() if one["message_id"] == message_id]
    taken = [one for one, _recipients in lab.sink.taken if one == message_id]
    return [one["domain"] for one in given] + [BY_SMTP for _one in taken]


_SEND_TEMPLATE = """
template = env["mail.template"].create({
    "name": "Offer",
    "model_id": env.ref("base.model_res_partner").id,
    "subject": "Our offer",
    "body_html": "<p>Our offer</p>",
    "email_from": "sales@mail.example.com",
    "partner_to": "{{ object.id }}",
    "mail_server_id": server,
    "auto_delete": False,
})
found = template.send_mail(contact, force_send=True)
# A server in use cannot be archived.
template.unlink()
"""

_IN_OTHER_COMPANY = """
alias_domain = env["mail.alias.domain"].search([("name", "=", domain)])
company = env["res.company"].create({"name": subject})
company.write({"alias_domain_id": alias_domain.id})
env.user.write({"company_ids": [Command.link(company.id)]})
"""
_IN_THIS_COMPANY = "company = env.company\n"
_POST = """
contacts = env["res.partner"].with_context(allowed_company_ids=company.ids)
contact = contacts.create({"name": to, "email": to, "company_id": company.id})
# What server actions write would wait for the queue.
contact.with_context(mail_notify_force_send=True).message_post(
    body="Our offer",
    subject=subject,
    message_type="comment",
    subtype_xmlid="mail.mt_comment",
    partner_ids=contact.ids,
)
"""
