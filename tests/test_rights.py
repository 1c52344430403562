"""Who may call what: every model and every public method, as RPC calls them.

A method or a model that is not in the tables below fails a test: whoever adds one says
who may use it.
"""

import contextlib
from dataclasses import dataclass, field

from psycopg2 import IntegrityError

from odoo import fields
from odoo.exceptions import AccessError, UserError
from odoo.service.model import call_kw
from odoo.tests import TransactionCase, new_test_user, tagged
from odoo.tools import mute_logger

from .common import DOMAIN, MailgunMixin
from .connected_mailgun import ConnectedMailgun

USERS = {
    "portal": "base.group_portal",
    "employee": "base.group_user",
    "erp_manager": "base.group_user,base.group_erp_manager",
    # Administers another company and has no access to the domain's.
    "other_admin": "base.group_system",
    "admin": "base.group_system",
}
ADMIN = ("admin",)
ADMINS = ("other_admin", "admin")
EMPLOYEES = ("employee", "erp_manager", *ADMINS)
NOBODY = ()
OURS = "odoo.addons.mail_mailgun."
ANNA = "anna@example.org"

# What the administrator may do with rows of our models, and nobody else; in the words
# of ir.model.access.csv.
RIGHTS = {
    "mailgun.alarm": "read",
    "mailgun.api.key.mixin": None,  # no table
    "mailgun.connect": "create read write unlink",
    "mailgun.connect.choice": "create read write unlink",
    "mailgun.delivery": "read unlink",
    "mailgun.dns.record": "read",
    "mailgun.domain": "create read write unlink",
    "mailgun.event": "read unlink",
    "mailgun.event.payload": "read",
    "mailgun.held.attachment": "read write",
    "mailgun.inbound.email": "read write unlink",
    "mailgun.lift.suppression": "create read write unlink",
    "mailgun.open.row": "read",
    "mailgun.round.trip": "create read write unlink",
    "mailgun.suppression": "read",
    "mailgun.unsubscribe": "read",
    "mailgun.used.token": "read",
}
# Bookkeeping without anything of a company in it.
SHARED = ("mailgun.open.row", "mailgun.used.token")


@dataclass
class Call:
    """How a method is called, and who may.

    :param allowed: of ``USERS``; everybody else is refused
    :param arguments: behind the records
    """

    allowed: tuple = ADMIN
    arguments: list = field(default_factory=list)


METHODS = {
    "fetchmail.server": {
        "button_confirm_login": Call(),
        "fetch_mail": Call(),
    },
    "ir.mail_server": {
        # Core's, and as there: what is sent is the caller's.
        "send_email": None,
        "test_smtp_connection": Call(),
    },
    # Core's as well, about no record of ours.
    "mail.thread": {"message_parse": None, "message_route": None},
    "mail.alias": {"write": None},
    "mail.mail": {
        "action_mailgun_arrived": Call(ADMINS),
        "action_mailgun_discard": Call(ADMINS),
        "action_mailgun_send": Call(ADMINS),
        "action_mailgun_send_again": Call(ADMINS),
        "action_retry": Call(ADMINS),
        "create": Call(ADMINS, [[{"email_to": ANNA}]]),
        "mark_outgoing": Call(ADMINS),
        "process_email_queue": Call(ADMINS),
        "send": Call(ADMINS),
        "send_after_commit": Call(ADMINS),
        "write": Call(ADMINS, [{"state": "cancel"}]),
    },
    "mail.message": {"mailgun_story": Call(EMPLOYEES)},
    "mailgun.connect": {
        "action_back": Call(),
        "action_connect": Call(),
        "action_find_domains": Call(),
    },
    "mailgun.delivery": {
        "action_lift_suppression": Call(),
        "action_open_document": Call(),
        "create": Call(NOBODY, [[{}]]),
        "init": Call(NOBODY),
    },
    "mailgun.domain": {
        "action_become_copy": Call(),
        "action_big_round_trip": Call(),
        "action_check": Call(),
        "action_check_dns": Call(),
        "action_confirm": Call(),
        "action_disconnect": Call(),
        "action_draft": Call(),
        "action_fetch_events": Call(),
        "action_go_on": Call(),
        "action_forget_keys": Call(),
        # They say where to look, and nothing of what is there.
        "action_open_deliveries": Call(tuple(USERS)),
        "action_open_waiting": Call(tuple(USERS)),
        "action_move_aliases": Call(),
        "action_repair": Call(),
        "action_round_trip": Call(),
        "action_setup_mail": Call(),
        "action_take_over": Call(),
        "action_test_connection": Call(),
        "copy_data": Call(),
        "create": None,  # as RIGHTS says
        "write": None,
    },
    "mailgun.event": {
        "action_retry": Call(),
        "create": Call(NOBODY, [[{}]]),
        "init": Call(NOBODY),
    },
    "mailgun.held.attachment": {"action_discard": Call(), "action_release": Call()},
    "mailgun.inbound.email": {
        "action_create_alias": Call(),
        "action_allow_sender": Call(),
        "action_discard": Call(),
        "action_open_record": Call(),
        "action_release": Call(),
        "action_retry": Call(),
        "unlink": None,
    },
    "mailgun.lift.suppression": {"action_lift": Call()},
    "mailgun.open.row": {"init": Call(NOBODY)},
    "mailgun.round.trip": {
        "action_repair": Call(),
        "action_try_again": Call(),
        "create": None,
        "refresh": Call(),
        "start": Call(),
    },
    "res.partner": {"action_mailgun_lift_suppression": Call()},
}


def public_methods(registry):
    """Yield model and name of each public method that the module defines."""
    for name, model in registry.models.items():
        for part in (*model._base_classes__, model):
            for method, value in vars(part).items():
                ours = getattr(value, "__module__", "").startswith(OURS)
                if ours and callable(value) and not method.startswith("_"):
                    yield name, method


@tagged("post_install", "-at_install")
class TestRights(MailgunMixin, TransactionCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.company = cls.env.company
        other = cls.env["res.company"].create({"name": "Another company"})
        cls.domain.company_id = cls.company
        cls.users = {}
        for kind, groups in USERS.items():
            company = other if kind == "other_admin" else cls.company
            cls.users[kind] = new_test_user(
                cls.env,
                f"rights-{kind}",
                groups,
                company_id=company.id,
                company_ids=[(6, 0, company.ids)],
            )
        cls.anna = cls.env["res.partner"].create({"name": "Anna", "email": ANNA})

    def setUp(self):
        super().setUp()
        self.registry_enter_test_mode()
        self.mailgun = ConnectedMailgun()
        self.enterContext(self.mailgun.running())
        self.records = self.make_records()
        self.env.flush_all()

    def make_records(self):
        """Return a record of each model, of the domain's company."""
        # Whoever has opened the wizard with the key.
        env = self.env(user=self.users["admin"], su=True)
        message = self.anna.message_post(body="Hello", partner_ids=self.anna.ids)
        made = {
            "mailgun.domain": self.domain,
            "mail.message": message,
            "res.partner": self.anna,
        }
        values = self.values_of_core() | self.values_of_ours(message)
        made |= {model: env[model].create(some) for model, some in values.items()}
        for model, some in self.values_of_parts(made).items():
            made[model] = env[model].create(some)
        return made

    def values_of_core(self):
        own = {"name": "Mailgun", "mailgun_domain_id": self.domain.id}
        return {
            "mail.mail": {"email_to": ANNA, "state": "exception"},
            "ir.mail_server": {**own, "smtp_authentication": "mailgun"},
            "fetchmail.server": {**own, "server_type": "mailgun"},
        }

    def values_of_ours(self, message):
        now, own = fields.Datetime.now(), {"domain_id": self.domain.id}
        return {
            "mailgun.alarm": {**own, "kind": "sending", "since": now, "seen": now},
            "mailgun.connect": {"api_key": "key"},
            "mailgun.delivery": {
                **own,
                "message_id": message.message_id,
                "message_ref": message.id,
                "recipient": ANNA,
                "sending_at": now,
            },
            "mailgun.dns.record": {**own, "purpose": "sending", "state": "valid"},
            "mailgun.event": {
                **own,
                "event_id": "1",
                "event": "opened",
                "occurred_at": now,
                "day": now.date(),
            },
            "mailgun.inbound.email": {**own, "recipient": ANNA, "state": "held"},
            "mailgun.lift.suppression": {**own, "address": ANNA},
            "mailgun.open.row": {"kind": "test", "row": 1, "at": now},
            "mailgun.round.trip": own,
            "mailgun.suppression": {
                **own,
                "address": ANNA,
                "list_name": "bounces",
                "seen_at": now,
            },
            "mailgun.unsubscribe": {**own, "email_normalized": ANNA},
            "mailgun.used.token": {"token": "t", "used_at": now},
        }

    def values_of_parts(self, made):
        """Return values of what belongs to another record.

        :param dict made: the records, by model
        """
        mail = made["mailgun.inbound.email"]
        return {
            "mailgun.connect.choice": {
                "connect_id": made["mailgun.connect"].id,
                "name": DOMAIN,
                "state": "active",
                "region": "us",
            },
            "mailgun.event.payload": {
                "event_id": made["mailgun.event"].id,
                "kept_since": fields.Datetime.now(),
            },
            "mailgun.held.attachment": {"inbound_email_id": mail.id, "name": "a.exe"},
        }

    def call(self, kind, model, method, *arguments):
        """Call as RPC does, and take it back; return what came of it.

        :return: what the method returned, or the error that it raised for people
        """
        env = self.env(user=self.users[kind])
        env.invalidate_all()
        result = None
        loggers = "odoo.addons.base.models.ir_model", "odoo.sql_db"
        with contextlib.suppress(RollBack), mute_logger(*loggers):
            with self.env.cr.savepoint():
                try:
                    result = call_kw(env[model], method, list(arguments), {})
                except (UserError, IntegrityError) as error:
                    result = error
                raise RollBack
        return result

    def assert_allowed(self, allowed, model, method, *arguments):
        for kind in USERS:
            with self.subTest(model=model, method=method, user=kind):
                self.mailgun.seen.clear()
                found = self.call(kind, model, method, *arguments)
                refused = isinstance(found, AccessError) or "the rights" in str(found)
                self.assertEqual(refused, kind not in allowed, found)
                if refused:
                    self.assertEqual(self.mailgun.seen, [], "Mailgun was asked")

    # --- the tables are complete -----------------------------------------------------

    def test_every_public_method_says_who_may_call_it(self):
        known = {(model, name) for model, names in METHODS.items() for name in names}
        found = set(public_methods(self.registry))
        self.assertEqual(found - known, set(), "say in METHODS who may call these")
        self.assertEqual(known - found, set(), "these are gone")

    def test_every_model_says_what_may_be_done_with_it(self):
        found = {name for name in self.registry.models if name.startswith("mailgun.")}
        self.assertEqual(found, set(RIGHTS))

    def test_customers_see_no_field_that_we_have_added(self):
        env = self.env(user=self.users["portal"])
        seen = [
            f"{model}.{name}"
            for model in self.registry.models
            if not model.startswith("mailgun.") and env[model].has_access("read")
            for name in env[model].fields_get()
            if self.registry[model]._fields[name]._module == "mail_mailgun"
        ]
        # Core's, with a value more.
        self.assertEqual(seen, ["mail.notification.failure_type"])

    # --- they are true ---------------------------------------------------------------

    def test_public_methods(self):
        for model, methods in METHODS.items():
            for method, call in methods.items():
                if call is None:
                    continue
                is_model = getattr(
                    getattr(self.registry[model], method), "_api_model", False
                )
                ids = [] if is_model else [self.records[model].ids]
                self.assert_allowed(call.allowed, model, method, *ids, *call.arguments)

    def test_reading(self):
        for model, rights in RIGHTS.items():
            if rights is None:
                continue
            ids = self.records[model].ids
            readers = ADMINS if model in SHARED else ADMIN
            for method, arguments in (
                ("read", [["display_name"]]),
                ("web_read", [{"display_name": {}}]),
                ("export_data", [["display_name"]]),
            ):
                self.assert_allowed(readers, model, method, ids, *arguments)

    def test_searching_finds_nothing_of_another_company(self):
        for model, rights in RIGHTS.items():
            if rights is None or model in SHARED:
                continue
            ids = self.records[model].ids
            for method in ("search_read", "web_search_read", "search_count"):
                arguments = [{}] if method == "web_search_read" else []
                domain = [("id", "in", ids)]
                self.assert_allowed(ADMINS, model, method, domain, *arguments)
                for kind, count in (("admin", 1), ("other_admin", 0)):
                    found = self.call(kind, model, method, domain, *arguments)
                    if method == "web_search_read":
                        found = found["length"]
                    found = found if isinstance(found, int) else len(found)
                    self.assertEqual(found, count, (model, method, kind))

    def test_writing(self):
        for model, rights in RIGHTS.items():
            if rights is None:
                continue
            ids = self.records[model].ids
            for method, arguments in (("write", [{}]), ("unlink", []), ("copy", [])):
                needed = "create" if method == "copy" else method
                allowed = ADMIN if needed in rights.split() else NOBODY
                self.assert_allowed(allowed, model, method, ids, *arguments)

    def test_creating(self):
        for model, rights in RIGHTS.items():
            if rights is None:
                continue
            record = self.records[model]
            values = {
                name: value
                for name, value in record.copy_data()[0].items()
                if name in ("domain_id", "connect_id", "address", "name", "region")
            }
            if model == "mailgun.domain":
                values["company_id"] = self.company.id
            allowed = ADMIN if "create" in rights.split() else NOBODY
            if model.startswith("mailgun.connect"):
                # Of one's own.
                allowed = ADMINS
            self.assert_allowed(allowed, model, "create", [values])


class RollBack(Exception):
    """What was done is taken back."""
