"""Trouble that people are told of within minutes, judged without asking Mailgun.

Each wing says what is wrong now. What lasts longer than its kind deserves
(``ALARM_MINUTES``) is told once, and once more when it is over; how is in
``alarms_telling.py``. A row stands for each trouble as long as it is there.
"""

import shutil
from dataclasses import dataclass
from datetime import datetime, timedelta

from odoo import api, fields, models
from odoo.tools import config

from ...const import ALARM_COVERS, ALARM_MINUTES, MIB
from ..transactions.locks import JUDGING, try_lock

# How long it is believed that a process has no connection left; it says so each minute.
_SAID = timedelta(minutes=2, seconds=30)

FREE_BYTES = 200 * MIB


@dataclass(frozen=True)
class Trouble:
    """What is wrong now.

    :param kind: of ``ALARM_MINUTES``
    :param text: what was found
    :param remedy: what to do
    :param since: when it began, as far as that is known
    :param seen: when it was last certain; now, if it is looked at each time
    :param is_sure: Mailgun itself has said so, and it passes by no waiting
    """

    kind: str
    text: str
    remedy: str = ""
    since: datetime | None = None
    seen: datetime | None = None
    is_sure: bool = False


@dataclass(frozen=True)
class Notice:
    """What is to be told: that a trouble is there, or that it is over.

    :param alarm_id: of the ``mailgun.alarm``, which is gone when it is over
    :param domain_id: of the ``mailgun.domain``, 0 for all of them
    :param is_again: it was told in Odoo, and not where it was to be posted
    :param activity_ids: of those that asked somebody to repair it
    """

    kind: str
    text: str
    remedy: str
    since: datetime
    alarm_id: int
    domain_id: int
    is_over: bool = False
    is_again: bool = False
    activity_ids: tuple[int, ...] = ()


class MailgunAlarm(models.Model):
    """A trouble that is there, told or not yet."""

    _name = "mailgun.alarm"
    _description = "Mailgun Alarm"
    _rec_name = "kind"
    _log_access = False

    domain_id = fields.Many2one(
        "mailgun.domain", readonly=True, ondelete="cascade", index=True
    )
    kind = fields.Char(required=True, readonly=True)
    since = fields.Datetime(required=True, readonly=True)
    seen = fields.Datetime(required=True, readonly=True)
    text = fields.Text(readonly=True)
    remedy = fields.Text("What to Do", readonly=True)
    told_at = fields.Datetime("Told On", readonly=True)
    is_posted = fields.Boolean(readonly=True)
    activity_refs = fields.Json(readonly=True)

    _kind_unique = models.UniqueIndex("(COALESCE(domain_id, 0), kind)")

    # === JUDGING === #

    @api.model
    def _judge(self):
        """Compare what is wrong with what was, in the transaction of the caller.

        :return: what is to be told once this is committed
        :rtype: list[Notice]
        """
        if not try_lock(self.env.cr, JUDGING, ""):
            return []
        domains = self.env["mailgun.domain"].search([("state", "=", "ready")])
        domains = domains.filtered(lambda one: not one.is_foreign)
        # What is not in use, in a copy say, has been told of elsewhere.
        self.search([("domain_id", "not in", [False, *domains.ids])]).unlink()
        if not domains:
            self.search([]).unlink()
            return []
        found = self._find_troubles(domains)
        rows = {(row.domain_id.id, row.kind): row for row in self.search([])}
        notices = []
        for key, trouble in found.items():
            row = rows.pop(key, None) or self._begin(key[0], trouble)
            notices += row._go_on(trouble, _is_covered(key, found))
        for row in rows.values():
            notices += row._end()
        return notices

    def _find_troubles(self, domains):
        """Return what is wrong, by the id of the domain, if it is one's, and kind."""
        found = {(False, one.kind): one for one in domains._common_troubles()}
        for domain in domains:
            reader = domain.with_context(lang=domain._alarmed_user().lang)
            found |= {(domain.id, one.kind): one for one in reader._troubles()}
        return found

    def _begin(self, domain_id, trouble):
        now = fields.Datetime.now()
        since = trouble.since or trouble.seen or now
        return self.create(
            {
                "domain_id": domain_id,
                "kind": trouble.kind,
                "since": min(since, now),
                "seen": now,
            }
        )

    def _go_on(self, trouble, is_covered):
        """Note that a trouble is still there; return what is to be told of it.

        :param bool is_covered: another trouble explains it, and is told instead
        """
        now = fields.Datetime.now()
        seen = trouble.seen or now
        self.write({"seen": seen, "text": trouble.text, "remedy": trouble.remedy})
        if self.told_at:
            return [] if self.is_posted else [self._notice(is_again=True)]
        if is_covered:
            # When that one is over, it takes a while until this one is.
            self.since = now
            return []
        minutes = self._minutes_of(self.kind)
        if minutes < 0:
            return []
        if not trouble.is_sure and seen - self.since < timedelta(minutes=minutes):
            return []
        self.told_at = now
        return [self._notice()]

    def _end(self):
        notices = [self._notice(is_over=True)] if self.told_at else []
        self.unlink()
        return notices

    def _notice(self, **values):
        return Notice(
            kind=self.kind,
            text=self.text or "",
            remedy=self.remedy or "",
            since=self.since,
            alarm_id=self.id,
            domain_id=self.domain_id.id or 0,
            activity_ids=tuple(self.activity_refs or ()),
            **values,
        )

    @api.model
    def _minutes_of(self, kind):
        """Return how long a trouble has to last to be told; -1 = it never is."""
        name = f"mail_mailgun.alarm_{kind}_minutes"
        setting = self.env["ir.config_parameter"].sudo().get_param(name)
        try:
            return int(setting or ALARM_MINUTES[kind])
        except ValueError:
            return ALARM_MINUTES[kind]

    @api.model
    def _note_no_connection(self):
        """Note that a process of this database gets no connection any more."""
        now = fields.Datetime.now()
        row = self.search([("kind", "=", "connections")])
        if row and row.seen >= now - _SAID:
            row.seen = now
        else:
            row.unlink()
            self._begin(False, Trouble("connections", ""))


def _is_covered(key, found):
    domain_id, kind = key
    return any(
        kind in ALARM_COVERS.get(other, ()) and other_id in (False, domain_id)
        for other_id, other in found
    )


class MailgunDomain(models.Model):
    """What is wrong, as far as the domain and the server know."""

    _inherit = "mailgun.domain"

    def _alarmed_user(self):
        """Return who is told of trouble with a domain: somebody who is still there."""
        admin = self.env.ref("base.user_admin", raise_if_not_found=False)
        return self.user_id.filtered("active") or admin or self.env.user

    def _troubles(self):
        """Return what is wrong with one domain; each wing appends its own.

        :rtype: list[Trouble]
        """
        found, key = [], self._health_of_key()
        if key.level == "error":
            is_sure = bool(self.check_trouble)
            found.append(Trouble("sending", key.text, key.remedy, is_sure=is_sure))
        lines = [
            self._health_of_dns(),
            self._health_of_route(),
            self._health_of_webhooks(),
        ]
        wrong = [line for line in lines if line.level == "error"]
        if wrong:
            text = " ".join(f"{line.title}: {line.text}" for line in wrong)
            remedy = " ".join(dict.fromkeys(line.remedy for line in wrong))
            found.append(Trouble("settings", text, remedy, is_sure=True))
        return found

    def _common_troubles(self):
        """Return what is wrong with the server, for all domains alike.

        :rtype: list[Trouble]
        """
        since = self._nobody_scheduled_since()
        found = [
            Trouble("scheduled", line.text, line.remedy, since=since)
            for line in self._health_of_scheduled()
        ]
        said = self.env["mailgun.alarm"].search([("kind", "=", "connections")])
        if said and said.seen >= fields.Datetime.now() - _SAID:
            text = self.env._(
                "A server process has no database connection left: it neither takes "
                "mail nor sends it, and its pages do not open."
            )
            remedy = self.env._(
                "Look which requests or jobs run long, and raise db_maxconn in "
                "odoo.conf, within max_connections of PostgreSQL. A restart frees them."
            )
            found.append(Trouble("connections", text, remedy, seen=said.seen))
        return [*found, *self._trouble_of_disk()]

    def _trouble_of_disk(self):
        free = shutil.disk_usage(config["data_dir"]).free
        if free >= FREE_BYTES:
            return []
        text = self.env._(
            "Only %s MB are free where Odoo keeps files: soon no mail is taken.",
            free // MIB,
        )
        remedy = self.env._(
            "Make room on the disk of %s. Mail that is not taken waits at Mailgun for "
            "hours.",
            config["data_dir"],
        )
        return [Trouble("disk", text, remedy)]
