"""Does a domain work? The frame of its health; each wing adds the lines of its own.

What sending and receiving find out meanwhile is noted on the domain, below.
"""

import logging
import time
from dataclasses import dataclass
from datetime import timedelta

import psycopg2

from odoo import SUPERUSER_ID, api, fields, models
from odoo.tools import format_datetime

from ...tools.api.management import Management
from ...tools.errors import (
    ApiError,
    LimitReached,
    NotUnderstood,
    SettingError,
    TransientError,
    UnreadableKey,
)
from ..transactions.own_cursor import committed, own_cursor
from ..transactions.words import in_words

_logger = logging.getLogger(__name__)

LEVELS = ("ok", "info", "warning", "error")

# Nothing waits this long unless something is stuck.
LATE = timedelta(minutes=15)

# What DNS records are for without which mail does not go or come.
NEEDED_PURPOSES = ("sending", "receiving")

# How many reasons of one kind are told, the most frequent first.
MAX_REASONS = 3


@dataclass(frozen=True)
class HealthLine:
    """One fact about a domain, and what to do about it.

    :param level: of ``LEVELS``
    :param title: what it is about
    :param text: what was found
    :param remedy: what to do, "" when there is nothing to do
    """

    level: str
    title: str
    text: str
    remedy: str = ""


def first_line(text):
    """Return what an error says first, short enough for a line of the health."""
    return (text or "").partition("\n")[0][:200]


# Seconds that Mailgun asks to wait and that somebody should know of.
_LONG_WAIT = 600

# A note is for a person who looks: one a minute is enough, however much arrives.
NOTE_SECONDS = 60

# When what was noted last, by what it is about.
_last_noted: dict[tuple, tuple[str, float]] = {}


class MailgunDomain(models.Model):
    """Does it work? Each line says what was found and what to do."""

    _name = "mailgun.domain"
    _inherit = ["mailgun.domain", "mail.thread", "mail.activity.mixin"]

    user_id = fields.Many2one(
        "res.users",
        "Responsible",
        default=lambda self: self._default_user_id(),
        help="Gets an activity when something needs to be done.",
    )
    health = fields.Html("Findings", compute="_compute_health", sanitize=False)
    health_level = fields.Selection(
        [
            ("ok", "Works"),
            ("info", "Works"),
            ("warning", "Attention"),
            ("error", "Error"),
        ],
        "Health",
        compute="_compute_health",
    )

    def _default_user_id(self):
        """Return who sets the domain up; a script stands in for the administrator."""
        if self.env.user.id == SUPERUSER_ID:
            return self.env.ref("base.user_admin", raise_if_not_found=False)
        return self.env.user

    def _compute_health(self):
        render = self.env["ir.qweb"]._render
        for domain in self:
            lines = domain._health_lines() if domain.id else []
            domain.health_level = max(
                (line.level for line in lines), key=LEVELS.index, default=False
            )
            domain.health = render("mail_mailgun.health", domain._folded(lines))

    def _folded(self, lines):
        """Return what the page shows at once, and what behind a click.

        :param list lines: of ``HealthLine``
        """
        if any(line.remedy or line.level in ("warning", "error") for line in lines):
            fine = [line for line in lines if line.level == "ok"]
            return {
                "shown": [line for line in lines if line.level != "ok"],
                "folded": fine,
            }
        if not lines:
            return {}
        times = [self.env._("Everything works.")]
        if self.last_sent_at:
            times.append(self.env._("Last sent: %s.", self._when(self.last_sent_at)))
        if received := self._last_received_at():
            times.append(self.env._("Last received: %s.", self._when(received)))
        return {"shown": [], "folded": lines, "works": " ".join(times)}

    def _last_received_at(self):
        """Return when mail was posted last, or False; ``inbound`` knows."""
        return False

    def _health_lines(self):
        """Return what there is to say, in the order in which it is repaired.

        :rtype: list[HealthLine]
        """
        if self.state != "ready" or self.is_foreign:
            return [self._health_of_use()]
        return [*self._health_of_account(), *self._health_of_traffic()]

    def _health_of_traffic(self):
        """Return the lines that tell of mail; each wing appends its own.

        What waits or failed shows only when there is some.
        """
        return []

    def _when(self, moment):
        return format_datetime(self.env, moment) if moment else ""

    # === DAILY CHECK === #

    @api.model
    def _check_daily(self):
        """Look at every domain; the cron's entry."""
        for domain in self.search([("state", "=", "ready")]):
            if not domain.is_foreign:
                domain._check_alone()
        alarms = self.env["mailgun.alarm"]
        alarms._judge_all()
        alarms._close_orphans()

    def _check_alone(self):
        """Ask Mailgun, then write what it says in a transaction of its own.

        Whoever sends meanwhile notes that in the same row: a transaction that is as old
        as the question would be turned down.
        """
        info, troubles = self._ask_remote()

        def write(env):
            domain = self.with_env(env)
            if info:
                domain._store_remote(info)
            domain.write(troubles)
            env["mailgun.inbound.email"]._send_digest(domain)

        committed(self.env.registry, write)
        self.invalidate_recordset()

    def _ask_remote(self):
        """Return what Mailgun tells of the domain, and what is wrong.

        :return: ``DomainInfo`` or None, and values to write
        """
        if self.key_kind != "api":
            return None, {}
        try:
            with self._open_client() as client:
                account = Management(client)
                return account.get_domain(self.name), self._look(account)
        except UnreadableKey:
            # Looked at each time, see ``_health_of_key``.
            return None, {}
        except ApiError as error:
            passes = isinstance(error, TransientError)
            if passes and not isinstance(error, NotUnderstood):
                # It passes by itself: nobody is called for it.
                _logger.info(
                    "Mailgun domain %s is not checked today: %s", self.name, error
                )
                return None, {}
            return None, {"check_trouble": in_words(self.env, error)}

    # === SETTINGS, HERE AND AT MAILGUN === #

    def _health_of_account(self):
        """Return the lines in the order in which they are repaired."""
        return [
            self._health_of_key(),
            self._health_of_dns(),
            self._health_of_route(),
            self._health_of_webhooks(),
            self._health_of_senders(),
        ]

    def _health_of_use(self):
        text = self.env._(
            "The domain is not confirmed in this database: nothing is sent or taken."
        )
        if self.identity and not self.is_foreign:
            text = self.env._("Out of use here: nothing is sent or taken.")
        if self.refusal:
            # What Mailgun posts meanwhile is answered 503.
            refused = self.env._(
                "Mailgun still posts here, the last time on %s; what is refused comes "
                "again for eight hours.",
                self._when(self.refusal_at),
            )
            text = f"{text} {refused}"
        remedy = self.env._(
            "Press Confirm when this database shall send and receive for it."
        )
        return HealthLine("warning", self.env._("In use"), text, remedy)

    def _health_of_key(self):
        title, key = self.env._("API key"), self._key("api_key")
        if not key.secret:
            none = self.env._("There is none, so nothing can be sent.")
            return self._health_of_no_key(title, key, none)
        if self.check_trouble:
            return HealthLine(
                "error", title, self.check_trouble, self.env._("Then press Repair.")
            )
        if self.key_kind == "sending":
            return HealthLine(
                "info",
                title,
                self.env._("A sending key: it can send, and nothing else."),
                self.env._(
                    "DNS, route and webhooks are to be looked after by hand, see the "
                    "page Manual Setup."
                ),
            )
        if not self.remote_checked_at:
            text = f"{key.describe(self.env)}."
            remedy = self.env._("Not checked yet: press Check.")
            return HealthLine("info", title, text, remedy)
        when = self._when(self.remote_checked_at)
        return HealthLine("ok", title, self.env._("Accepted by Mailgun on %s.", when))

    def _health_of_no_key(self, title, key, none):
        """Return the line of a key that is not set, or cannot be opened here.

        :param str title: of the line
        :param secret_keys.Key key: what is known of it
        :param str none: what follows from there being none
        """
        if key.trouble:
            remedy = self.env._(
                "Nothing is lost: mail out waits here, mail in for eight hours at "
                "Mailgun."
            )
            return HealthLine("error", title, key.describe(self.env), remedy)
        remedy = self.env._("Enter it below; it is at Mailgun under API Security.")
        return HealthLine("error", title, none, remedy)

    def _health_of_dns(self):
        if not self.remote_checked_at:
            return HealthLine(
                "info",
                self.env._("DNS"),
                self.env._("Not looked at."),
                self.env._("Press Check DNS."),
            )
        if (self.remote_state or "").startswith("disabled"):
            return HealthLine(
                "error",
                self.env._("DNS"),
                self.env._("Mailgun has disabled the domain (%s).", self.remote_state),
                self.env._(
                    "No record helps against that: Mailgun's support can lift it, see "
                    "its control panel. Then press Check DNS."
                ),
            )
        if self.remote_state != "active":
            return HealthLine(
                "error",
                self.env._("DNS"),
                self.env._(
                    "Mailgun does not let the domain send (%s).", self.remote_state
                ),
                self.env._(
                    "Enter the records of the page DNS where %s is administered, then "
                    "press Check DNS. It may take some hours until they are seen.",
                    self.name,
                ),
            )
        return self._health_of_records()

    def _health_of_records(self):
        missing = self.dns_record_ids.filtered(
            lambda one: one.state != "valid" and one.purpose in NEEDED_PURPOSES
        )
        if not missing:
            return HealthLine(
                "ok", self.env._("DNS"), self.env._("Mailgun sees all records.")
            )
        purposes = dict(missing._fields["purpose"]._description_selection(self.env))
        names = sorted({purposes[one.purpose] for one in missing})
        return HealthLine(
            "warning",
            self.env._("DNS"),
            self.env._(
                "%(count)s records are missing: %(names)s.",
                count=len(missing),
                names=", ".join(names),
            ),
            self.env._("Enter them, see the page DNS, then press Check DNS."),
        )

    def _health_of_route(self):
        return self._health_of_entry(self.env._("Route"), "route")

    def _health_of_webhooks(self):
        return self._health_of_entry(self.env._("Webhooks"), "webhook")

    def _health_of_entry(self, title, entry):
        found, trouble = self[f"{entry}_found"], self[f"{entry}_trouble"]
        is_elsewhere = self[f"{entry}_elsewhere"]
        if trouble:
            # A copy that never had anything there misses nothing.
            level = "warning" if is_elsewhere and not found else "error"
            return HealthLine(level, title, trouble, self._entry_remedy(is_elsewhere))
        if found:
            when = self._when(self.remote_checked_at)
            text = self.env._("In place at Mailgun.")
            if when:
                text = self.env._("In place at Mailgun, checked on %s.", when)
            return HealthLine("ok", title, text)
        return HealthLine(
            "info",
            title,
            self.env._("Not looked after by Odoo."),
            self.env._("Press Repair, or see the page Manual Setup."),
        )

    def _entry_remedy(self, is_elsewhere):
        if not is_elsewhere:
            return self.env._("Press Repair.")
        return self.env._(
            "If this database has moved, or replaces the one there, press Take Over. "
            "If that address leads to this database as well, enter it as Public "
            "Address. In a copy of the database leave it as it is."
        )

    def _health_of_senders(self):
        if self.preview_warning:
            remedy = self.env._("See the page Senders.")
            return HealthLine(
                "warning", self.env._("Senders"), self.preview_warning, remedy
            )
        return HealthLine("ok", self.env._("Senders"), self.preview_from or "")

    # === NOTES of sending and receiving, for the health to tell === #
    # They are written in a transaction of their own, now and then, and never wait for
    # a lock: neither mail nor an unauthenticated request may be slowed down by them,
    # or fail because of them.

    last_sent_at = fields.Datetime("Last Mail Out", readonly=True, copy=False)
    sending_trouble = fields.Char(readonly=True, copy=False)
    sending_trouble_at = fields.Datetime(readonly=True, copy=False)
    # It does not pass by itself.
    is_sending_barred = fields.Boolean(readonly=True, copy=False)
    refusal = fields.Char("Refused Post", readonly=True, copy=False)
    refusal_at = fields.Datetime("Refused Post On", readonly=True, copy=False)
    # Of HTTP, where it was not Odoo that answered.
    refusal_status = fields.Integer(readonly=True, copy=False)

    def _forget_original(self):
        notes = ("last_sent_at", "sending_trouble", "sending_trouble_at")
        self.is_sending_barred = False
        notes = (*notes, "refusal", "refusal_at", "refusal_status")
        self.write(dict.fromkeys(notes, False))
        return super()._forget_original()

    def _note_refusal(self, error):
        """Note that a post was refused, with the reason.

        :param Exception error: its text is the reason
        """
        self._note(
            "refusal",
            refusal=in_words(self.env, error),
            refusal_at=fields.Datetime.now(),
            refusal_status=0,
        )

    def _note_sending(self, error=None):
        """Note how an attempt to send ended.

        :param ApiError error: why not, or None
        """
        now = fields.Datetime.now()
        if error:
            self._note(
                "trouble",
                about="sending",
                sending_trouble=in_words(self.env, error),
                sending_trouble_at=now,
                is_sending_barred=_is_barring(error),
            )
        else:
            self._note(
                "sent",
                about="sending",
                last_sent_at=now,
                sending_trouble=None,
                sending_trouble_at=None,
                is_sending_barred=False,
            )

    def _note(self, kind, about="", **values):
        """Write something down, unless the same was a moment ago.

        :param str kind: what it is
        :param str about: what it is about; another kind about that is news at once
        :param values: of fields
        """
        if not self:
            return
        self.ensure_one()
        key = (self.env.cr.dbname, self.id, about or kind)
        if not _is_due(key, kind):
            return
        try:
            with own_cursor(self.env.registry) as env:
                # A row of the ledger holds on to the domain's key, not to its notes.
                env.cr.execute(
                    """SELECT id FROM mailgun_domain WHERE id = %s
                          FOR NO KEY UPDATE SKIP LOCKED""",
                    [self.id],
                    log_exceptions=False,
                )
                if env.cr.fetchone():
                    env["mailgun.domain"].browse(self.id).write(values)
                else:
                    # Somebody writes it just now; the next time, then.
                    _last_noted.pop(key, None)
        except psycopg2.Error as error:
            _last_noted.pop(key, None)
            _logger.info("Not noted on Mailgun domain %s: %s", self.id, error)


def _is_barring(error):
    """Tell whether waiting some minutes does not help against a failure to send."""
    if isinstance(error, LimitReached):
        return error.retry_at - time.time() > _LONG_WAIT
    return isinstance(error, SettingError)


def _is_due(key, kind):
    now, (last, noted_at) = time.monotonic(), _last_noted.get(key, ("", 0.0))
    if last == kind and now - noted_at < NOTE_SECONDS:
        return False
    _last_noted[key] = kind, now
    return True
