"""How people are told of trouble, and that it is over: by no way that is in trouble.

In Odoo, where an open browser shows it at once: an activity on the domain, and a
message of OdooBot. By mail through another server, if there is one. And by a POST to an
address that an administrator sets, for a monitoring, a chat or a push service.
"""

import logging
from datetime import timezone

from markupsafe import Markup

from odoo import api, fields, models
from odoo.exceptions import UserError

from ...tools.alarm_post import post_line
from ..transactions.own_cursor import own_cursor

_logger = logging.getLogger(__name__)

REPAIR = "mail_mailgun.mail_activity_type_repair"
URL_PARAMETER = "mail_mailgun.alarm_url"


def judge(open_env):
    """Judge all trouble of a database once, and tell what is new.

    :param open_env: opens a transaction: a context manager that gives an environment
    """
    with open_env() as env:
        notices = env["mailgun.alarm"]._judge()
    for notice in notices:
        ways = ("_post",) if notice.is_again else ("_tell_in_odoo", "_mail", "_post")
        for way in ways:
            _try(open_env, way, notice)


def _try(open_env, way, notice):
    try:
        with open_env() as env:
            alarms = env["mailgun.alarm"].with_context(lang=None)
            getattr(alarms, way)(notice)
    except Exception:
        # The other ways may still work, and so may the next judgement.
        _logger.warning("Alarm %s: not told by %s", notice.kind, way, exc_info=True)


class MailgunAlarm(models.Model):
    """Tells."""

    _inherit = "mailgun.alarm"

    @api.model
    def _judge_all(self):
        """Judge and tell; the cron's entry."""
        registry = self.env.registry
        judge(lambda: own_cursor(registry))

    # === WHO AND WHAT === #

    def _listeners(self, notice):
        """Return whom to tell: for each user the domain that it is about.

        :param Notice notice: what is to be told
        """
        domains = self.env["mailgun.domain"].browse(notice.domain_id or [])
        if not notice.domain_id:
            domains = domains.search([("state", "=", "ready")])
        listeners = {}
        for domain in domains.exists():
            listeners.setdefault(domain._alarmed_user(), domain)
        return listeners

    def _subject(self, notice, domain):
        name, others = domain.name, domain._other_companies()
        if others:
            name = f"{name} ({', '.join(others.sudo().mapped('name'))})"
        if notice.is_over:
            return domain.env._("Mail through %s works again", name)
        return domain.env._("Mail through %s needs repair", name)

    def _body(self, notice, domain):
        since = domain._when(notice.since)
        head = domain.env._("Since %s.", since)
        if notice.is_over:
            head = domain.env._("It is over. It was there since %s:", since)
            return Markup("<p>%s %s</p>") % (head, notice.text)
        return Markup("<p>%s</p><p>%s</p><p>%s</p>") % (
            notice.text,
            notice.remedy,
            head,
        )

    # === IN ODOO === #

    def _tell_in_odoo(self, notice):
        # Its mail would leave by the way that is in trouble.
        quiet = {"mail_activity_quick_update": True}
        activities = []
        for user, listened in self._listeners(notice).items():
            domain = listened.with_context(lang=user.lang, **quiet)
            subject, body = self._subject(notice, domain), self._body(notice, domain)
            if not notice.is_over:
                activity = domain.activity_schedule(
                    REPAIR, summary=subject, note=body, user_id=user.id
                )
                activities += activity.ids
            self._write_to(user, Markup("<p><b>%s</b></p>%s") % (subject, body))
        if notice.is_over:
            done = self.env["mail.activity"].browse(notice.activity_ids).exists()
            done.with_context(**quiet).action_feedback()
        else:
            self.browse(notice.alarm_id).activity_refs = activities or False

    @api.model
    def _close_orphans(self):
        """Close what asks for a repair and belongs to no trouble that is there.

        The version before had one such activity for all trouble of a domain.
        """
        with own_cursor(self.env.registry) as env:
            rows = env[self._name].search([]).filtered("activity_refs")
            known = sum(rows.mapped("activity_refs"), [])
            asking = [
                ("res_model", "=", "mailgun.domain"),
                ("activity_type_id", "=", env.ref(REPAIR).id),
                ("id", "not in", known),
            ]
            quiet = env["mail.activity"].with_context(mail_activity_quick_update=True)
            quiet.search(asking).action_feedback()

    def _write_to(self, user, body):
        """Write to a user as OdooBot, which an open browser shows at once."""
        channels = self.env["discuss.channel"]
        channel = channels._get_or_create_chat(user.partner_id.ids, pin=False)
        channel.message_post(
            body=body,
            author_id=self.env.ref("base.partner_root").id,
            message_type="comment",
            subtype_xmlid="mail.mt_comment",
        )

    # === BY MAIL, THROUGH ANOTHER SERVER === #

    def _mail(self, notice):
        server = self._other_server(notice)
        if not server:
            return
        try:
            sender = server._get_test_email_from()
        except UserError:
            # Nobody may send by it.
            return
        for user, listened in self._listeners(notice).items():
            domain = listened.with_context(lang=user.lang)
            if not user.email:
                continue
            mail = self.env["mail.mail"].create(
                {
                    "subject": self._subject(notice, domain),
                    "body_html": self._body(notice, domain),
                    "email_from": sender,
                    "email_to": user.email,
                    "mail_server_id": server.id,
                    "auto_delete": True,
                }
            )
            mail.send()

    def _other_server(self, notice):
        """Return an outgoing server that has nothing to do with a trouble, or none."""
        troubled = self.search([("told_at", "!=", False)]).domain_id.ids
        servers = self.env["ir.mail_server"].search([("owner_user_id", "=", False)])
        working = servers.filtered(
            lambda one: one.mailgun_domain_id.id not in (*troubled, notice.domain_id)
        )
        return working.sorted(lambda one: bool(one.mailgun_domain_id))[:1]

    # === BY A POST === #

    def _post(self, notice):
        url = self.env["ir.config_parameter"].get_param(URL_PARAMETER)
        trouble = post_line(url, self._facts(notice)) if url else ""
        if trouble:
            _logger.warning("Alarm %s was not posted: %s", notice.kind, trouble)
        elif not notice.is_over:
            self.browse(notice.alarm_id).exists().is_posted = True

    def _facts(self, notice):
        domain = self.env["mailgun.domain"].browse(notice.domain_id or [])
        return {
            "source": "mail_mailgun",
            "state": "over" if notice.is_over else "trouble",
            "kind": notice.kind,
            "domain": domain.exists().name or "",
            "database": self.env.cr.dbname,
            "odoo": self.env["ir.config_parameter"].get_param("web.base.url"),
            "since": notice.since.replace(tzinfo=timezone.utc).isoformat(),
            "text": notice.text,
            "remedy": notice.remedy,
        }


class ResConfigSettings(models.TransientModel):
    """Where trouble is posted to."""

    _inherit = "res.config.settings"

    mailgun_alarm_url = fields.Char(
        "Post Trouble To",
        config_parameter=URL_PARAMETER,
        help="An address of your monitoring, chat or push service. One line of JSON is "
        "posted when mail needs repair, and one when it works again.",
    )
