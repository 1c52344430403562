import json
import threading
import time
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from unittest.mock import patch

from odoo import fields
from odoo.sql_db import PoolError
from odoo.tests import new_test_user, tagged
from odoo.tools import mute_logger

from odoo.addons.mail_mailgun.const import ALARM_MINUTES
from odoo.addons.mail_mailgun.models.domain import alarms, alarms_telling, health, watch
from odoo.addons.mail_mailgun.tools.errors import (
    InvalidSignature,
    LimitReached,
    SettingError,
    TransientError,
)

from .common import DOMAIN
from .test_connect import ConnectCase

TELLING = "odoo.addons.mail_mailgun.models.domain.alarms_telling"


class AlarmCase(ConnectCase):
    """A domain in use, and people who listen."""

    def setUp(self):
        super().setUp()
        self.domain = self.connect()
        self.registry_enter_test_mode()
        self.startPatcher(patch.object(health, "NOTE_SECONDS", 0))
        self.env["mail.activity"].search([]).unlink()

    def judge(self):
        self.env.flush_all()
        self.env["mailgun.alarm"]._judge_all()
        self.env.invalidate_all()

    def pass_time(self, minutes):
        """Let time pass, as far as trouble is concerned."""
        self.env.flush_all()
        step = f"interval '{minutes} minutes'"
        for table, columns in (
            ("mailgun_alarm", ("since", "seen")),
            ("mailgun_domain", ("refusal_at", "sending_trouble_at", "last_sent_at")),
            ("mailgun_inbound_email", ("create_date",)),
            ("mailgun_event", ("create_date", "occurred_at")),
        ):
            moved = ", ".join(f"{column} = {column} - {step}" for column in columns)
            self.env.cr.execute(f"UPDATE {table} SET {moved}")
        self.env.invalidate_all()

    def activities(self):
        return self.domain.activity_ids.filtered("active")

    def messages(self):
        """Return what OdooBot has written to the responsible user."""
        partner = self.domain._alarmed_user().partner_id
        channels = self.env["discuss.channel"].search(
            [("channel_type", "=", "chat"), ("channel_partner_ids", "in", partner.ids)]
        )
        return [str(one.body) for one in channels.message_ids.sorted("id")]

    def refuse_key(self):
        self.domain._note_sending(SettingError("Mailgun refuses the key.", 401))


@tagged("post_install", "-at_install")
class TestAlarms(AlarmCase):
    def test_a_key_that_is_refused_is_told_after_some_minutes_and_once(self):
        self.refuse_key()
        self.judge()
        self.assertFalse(self.activities() or self.messages())
        self.pass_time(ALARM_MINUTES["sending"])
        for _time in range(3):
            self.judge()
        (activity,) = self.activities()
        self.assertEqual(activity.user_id, self.domain.user_id)
        self.assertIn("Mailgun refuses the key.", activity.note)
        (message,) = self.messages()
        self.assertIn(f"Mail through {DOMAIN} needs repair", message)

    def test_the_administrator_is_told_where_the_responsible_user_has_left(self):
        self.domain.user_id = new_test_user(self.env, "left", "base.group_system")
        self.domain.user_id.active = False
        self.refuse_key()
        self.judge()
        self.pass_time(ALARM_MINUTES["sending"])
        self.judge()
        self.assertEqual(self.activities().user_id, self.env.ref("base.user_admin"))

    def test_an_open_browser_shows_it_at_once(self):
        self.refuse_key()
        self.judge()
        self.pass_time(ALARM_MINUTES["sending"])
        self.env["bus.bus"].search([]).unlink()
        self.judge()
        pushed = " ".join(self.env["bus.bus"].search([]).mapped("message"))
        self.assertIn("mail.activity/updated", pushed)
        self.assertIn("discuss.channel/new_message", pushed)

    def test_that_it_is_over_is_told_once(self):
        self.refuse_key()
        self.judge()
        self.pass_time(ALARM_MINUTES["sending"])
        self.judge()
        self.domain._note_sending()
        for _time in range(2):
            self.judge()
        self.assertFalse(self.activities())
        self.assertIn("works again", self.messages()[-1])
        self.assertEqual(len(self.messages()), 2)

    def test_what_lasts_a_minute_is_told_to_nobody(self):
        for failure in (
            SettingError("Mailgun refuses the key.", 401),
            TransientError("Mailgun does not answer."),
            LimitReached("Too many.", 429, retry_at=time.time() + 30),
        ):
            self.domain._note_sending(failure)
            self.judge()
            self.pass_time(1)
            self.domain._note_sending()
            for _minute in range(10):
                self.judge()
                self.pass_time(1)
        self.assertFalse(self.activities() or self.messages())

    def test_no_mail_of_an_alarm_leaves_by_the_domain_in_trouble(self):
        self.refuse_key()
        self.judge()
        self.pass_time(ALARM_MINUTES["sending"])
        before = self.env["mail.mail"].search([])
        self.mailgun.seen.clear()
        self.judge()
        self.assertTrue(self.activities())
        self.assertFalse(self.env["mail.mail"].search([]) - before)
        self.assertFalse(self.mailgun.seen)

    def test_it_is_mailed_by_another_server(self):
        other = self.env["ir.mail_server"].create(
            {
                "name": "Other",
                "smtp_host": "smtp.example.org",
                "from_filter": "odoo@example.org",
            }
        )
        self.domain.user_id.email = "admin@example.org"
        self.refuse_key()
        self.judge()
        self.pass_time(ALARM_MINUTES["sending"])
        self.judge()
        mail = self.env["mail.mail"].search([("mail_server_id", "=", other.id)])
        self.assertEqual(mail.email_to, "admin@example.org")
        self.assertEqual(mail.email_from, "odoo@example.org")
        self.assertIn("Mailgun refuses the key.", mail.body_html)

    def test_posts_that_are_refused_again_and_again_are_told(self):
        self.domain._note_refusal(InvalidSignature("no signing key fits"))
        self.judge()
        self.pass_time(ALARM_MINUTES["posts"])
        self.judge()
        self.assertFalse(self.activities(), "one refused post is a hiccup")
        self.domain._note_refusal(InvalidSignature("no signing key fits"))
        self.judge()
        self.assertIn("no signing key fits", self.activities().note)

    def test_a_post_that_is_taken_ends_the_trouble(self):
        self.domain._note_refusal(InvalidSignature("no signing key fits"))
        self.judge()
        self.pass_time(ALARM_MINUTES["posts"])
        row = {"domain_id": self.domain.id, "recipient": f"a@{DOMAIN}"}
        self.env["mailgun.inbound.email"].create({**row, "state": "done"})
        self.judge()
        self.domain._note_refusal(InvalidSignature("no signing key fits"))
        self.domain.refusal_at += timedelta(seconds=5)
        self.judge()
        self.assertFalse(self.activities())

    def test_that_nothing_is_done_by_itself_is_told_and_not_what_follows_from_it(self):
        for name in ("ir_cron_events", "ir_cron_inbound_queue"):
            cron = self.env.ref(f"mail_mailgun.{name}")
            cron.nextcall = fields.Datetime.now() - timedelta(minutes=20)
        row = {"domain_id": self.domain.id, "recipient": f"a@{DOMAIN}"}
        self.env["mailgun.inbound.email"].create({**row, "state": "pending"})
        self.pass_time(20)
        self.judge()
        (activity,) = self.activities()
        self.assertIn("max_cron_threads", activity.note)

    def test_what_follows_from_a_trouble_has_its_time_when_that_is_over(self):
        row = {"domain_id": self.domain.id, "recipient": f"a@{DOMAIN}"}
        self.env["mailgun.inbound.email"].create({**row, "state": "pending"})
        self.pass_time(20)
        for name in ("ir_cron_events", "ir_cron_inbound_queue"):
            cron = self.env.ref(f"mail_mailgun.{name}")
            cron.nextcall = fields.Datetime.now() - timedelta(minutes=20)
        self.judge()
        for name in ("ir_cron_events", "ir_cron_inbound_queue"):
            self.env.ref(f"mail_mailgun.{name}").nextcall = fields.Datetime.now()
        self.judge()
        self.assertFalse(self.activities())
        self.pass_time(ALARM_MINUTES["waiting_in"])
        self.judge()
        self.assertIn("route waiting mail", self.activities().note)

    def test_a_copy_tells_nobody_anything(self):
        self.refuse_key()
        self.judge()
        self.pass_time(ALARM_MINUTES["sending"])
        self.judge()
        self.domain.database_name = "the original"
        with self.listening() as (url, taken):
            self.env["ir.config_parameter"].set_param("mail_mailgun.alarm_url", url)
            for _time in range(2):
                self.judge()
        self.assertFalse(taken)
        self.assertEqual(len(self.messages()), 1)

    def test_how_long_it_takes_is_a_setting(self):
        parameters = self.env["ir.config_parameter"]
        parameters.set_param("mail_mailgun.alarm_sending_minutes", "-1")
        self.refuse_key()
        self.judge()
        self.pass_time(600)
        self.judge()
        self.assertFalse(self.activities())
        parameters.set_param("mail_mailgun.alarm_sending_minutes", "0")
        self.judge()
        self.assertTrue(self.activities())

    def test_judging_asks_mailgun_nothing(self):
        self.refuse_key()
        self.mailgun.seen.clear()
        self.judge()
        self.pass_time(60)
        self.judge()
        self.assertFalse(self.mailgun.seen)

    # --- posted ----------------------------------------------------------------------

    @contextmanager
    def listening(self, status=200):
        """Take posts at an address; give the address and what was posted."""
        taken = []

        class Taker(BaseHTTPRequestHandler):
            def do_POST(self):
                length = int(self.headers["Content-Length"])
                taken.append(self.rfile.read(length))
                self.send_response(statuses.pop(0) if statuses else 200)
                self.end_headers()

            def log_message(self, *_arguments):
                pass

        statuses = [status]
        http = HTTPServer(("127.0.0.1", 0), Taker)
        threading.Thread(target=http.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{http.server_port}/alarm", taken
        finally:
            http.shutdown()
            http.server_close()

    def test_it_is_posted_as_one_line_where_the_administrator_says(self):
        with self.listening() as (url, taken):
            self.env["ir.config_parameter"].set_param("mail_mailgun.alarm_url", url)
            self.refuse_key()
            self.judge()
            self.pass_time(ALARM_MINUTES["sending"])
            self.judge()
            self.judge()
            self.domain._note_sending()
            self.judge()
        raised, over = map(json.loads, taken)
        self.assertTrue(taken[0].endswith(b"\n") and taken[0].count(b"\n") == 1)
        self.assertEqual((raised["state"], over["state"]), ("trouble", "over"))
        self.assertEqual((raised["kind"], raised["domain"]), ("sending", DOMAIN))
        self.assertIn("Mailgun refuses the key.", raised["text"])

    @mute_logger(TELLING)
    def test_a_post_that_is_not_taken_is_posted_again_and_told_once(self):
        with self.listening(status=503) as (url, taken):
            self.env["ir.config_parameter"].set_param("mail_mailgun.alarm_url", url)
            self.refuse_key()
            self.judge()
            self.pass_time(ALARM_MINUTES["sending"])
            for _time in range(3):
                self.judge()
        self.assertEqual(len(taken), 2)
        self.assertEqual(len(self.messages()), 1)

    @mute_logger(TELLING)
    def test_one_way_that_fails_keeps_none_of_the_others(self):
        self.refuse_key()
        self.judge()
        self.pass_time(ALARM_MINUTES["sending"])
        broken = patch.object(
            self.registry["mailgun.alarm"], "_tell_in_odoo", side_effect=ValueError
        )
        with self.listening() as (url, taken), broken:
            self.env["ir.config_parameter"].set_param("mail_mailgun.alarm_url", url)
            self.judge()
        self.assertEqual(len(taken), 1)

    # --- the server ------------------------------------------------------------------

    def test_a_disk_without_room_is_told(self):
        with patch.object(alarms, "FREE_BYTES", 1 << 60):
            self.judge()
            self.pass_time(ALARM_MINUTES["disk"])
            self.judge()
        self.assertIn("are free where Odoo keeps files", self.activities().note)

    def test_a_process_without_connections_tells_by_one_of_its_own(self):
        # What the reserve is, shows with a server (dev/test server/alarms).
        reserve = patch.object(watch, "_reserve", alarms_telling.own_cursor)
        full = patch.object(watch, "_is_used_up", lambda _registry: True)
        self.refuse_key()
        with reserve, full:
            for _minute in range(ALARM_MINUTES["connections"]):
                watch.look(self.registry)
                self.assertFalse(self.activities())
                self.pass_time(1)
            watch.look(self.registry)
        self.env.invalidate_all()
        (activity,) = self.activities()
        self.assertIn("db_maxconn", activity.note)
        self.pass_time(4)
        self.judge()
        self.assertFalse(self.activities(), "nobody has said so for minutes")

    def test_a_pool_that_is_used_up_is_noticed(self):
        self.assertFalse(watch._is_used_up(self.registry))
        with patch.object(self.registry, "cursor", side_effect=PoolError):
            self.assertTrue(watch._is_used_up(self.registry))
