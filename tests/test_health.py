import logging
from datetime import timedelta
from unittest.mock import patch

from odoo import fields
from odoo.sql_db import PoolError
from odoo.tests import tagged
from odoo.tools import SQL, mute_logger

from odoo.addons.mail_mailgun.models.domain import health as mailgun_domain_notes
from odoo.addons.mail_mailgun.models.domain.health import HealthLine
from odoo.addons.mail_mailgun.tools.errors import InvalidSignature, SettingError

from .common import DOMAIN
from .test_connect import ConnectCase


@tagged("post_install", "-at_install")
class TestHealth(ConnectCase):
    def setUp(self):
        super().setUp()
        self.domain = self.connect()
        self.registry_enter_test_mode()
        self.startPatcher(patch.object(mailgun_domain_notes, "NOTE_SECONDS", 0))

    def assert_line(self, title, level, words=""):
        self.env.invalidate_all()
        found = self.line(self.domain, title)
        self.assertEqual(found.level, level, found)
        self.assertIn(words, f"{found.text} {found.remedy}")

    def journal(self, **values):
        row = {"domain_id": self.domain.id, "recipient": f"a@{DOMAIN}", **values}
        return self.env["mailgun.inbound.email"].create(row)

    def test_a_new_domain_invites_to_a_round_trip(self):
        for title in ("Sending", "Receiving", "Events"):
            self.assert_line(title, "info", "round trip")
        self.assertEqual(self.domain.health_level, "info")
        self.assertIn("Route", self.domain.health)

    def test_a_domain_that_is_not_in_use_says_only_that(self):
        self.domain.action_draft()
        (line,) = self.domain._health_lines()
        self.assertIn("Confirm", line.remedy)

    def due(self, **ago):
        """Have the actions that are due every minute wait so long."""
        for name in ("ir_cron_events", "ir_cron_inbound_queue"):
            cron = self.env.ref(f"mail_mailgun.{name}")
            cron.nextcall = fields.Datetime.now() - timedelta(**ago)

    def test_that_no_server_runs_scheduled_actions_is_an_error(self):
        self.due(minutes=20)
        self.assert_line("Scheduled actions", "error", "max_cron_threads")
        self.due(minutes=2)
        titles = [line.title for line in self.domain._health_lines()]
        self.assertNotIn("Scheduled actions", titles)

    def test_one_scheduled_action_that_takes_long_is_no_trouble(self):
        self.due(minutes=2)
        cron = self.env.ref("mail_mailgun.ir_cron_events")
        cron.nextcall -= timedelta(hours=1)
        titles = [line.title for line in self.domain._health_lines()]
        self.assertNotIn("Scheduled actions", titles)

    def test_a_scheduled_action_that_is_switched_off_is_named(self):
        self.due(minutes=0)
        self.env.ref("mail_mailgun.ir_cron_events").active = False
        self.assert_line("Scheduled actions", "error", "Mailgun: apply events")

    def test_a_missing_key_is_an_error(self):
        self.domain.action_forget_keys()
        self.assert_line("API key", "error", "Enter it")
        self.assert_line("Receiving", "error", "signing key")

    def test_unverified_dns_is_an_error(self):
        self.mailgun.states[DOMAIN] = "unverified"
        self.domain.action_check_dns()
        self.assert_line("DNS", "error", "unverified")

    def test_missing_records_are_counted(self):
        self.domain.dns_record_ids.sorted()[0].state = "unknown"
        self.assert_line("DNS", "warning", "1 records are missing: Receiving")

    def dkim_by_cnames(self, **first):
        """Have Mailgun sign with rotating keys, of which it sees what is said."""
        unseen = {"record_type": "CNAME", "valid": "unknown", "is_active": False}
        keys = [{**unseen, "name": f"pdk{one}._domainkey.{DOMAIN}"} for one in (1, 2)]
        keys[0].update(first)
        self.mailgun.records = {**self.mailgun.records, "sending_dns_records": keys}
        self.domain.action_check_dns()

    def test_keys_of_dkim_that_are_missing_are_told_though_they_are_cnames(self):
        self.dkim_by_cnames()
        self.assert_line("DNS", "warning", "2 records are missing: Sending")
        self.dkim_by_cnames(valid="valid", is_active=True)
        self.assert_line("DNS", "ok", "all records")

    def test_a_disabled_domain_is_told_with_the_reason(self):
        reason = {"reason": "Too many complaints."}
        self.mailgun.about = {"is_disabled": True, "disabled": reason}
        self.domain.action_check_dns()
        self.assert_line("DNS", "error", "Too many complaints.")
        shown = self.domain.action_test_connection()["params"]
        self.assertIn("support can lift", shown["message"])

    def test_a_failure_to_send_is_told_until_one_succeeds(self):
        self.domain._note_sending(SettingError("The key is wrong."))
        self.assert_line("Sending", "error", "The key is wrong.")
        self.domain._note_sending()
        self.assert_line("Sending", "ok")

    def test_the_first_mail_that_leaves_again_is_noted_at_once(self):
        with patch.object(mailgun_domain_notes, "NOTE_SECONDS", 60):
            self.domain._note_sending()
            self.domain._note_sending(SettingError("The key is wrong."))
            self.assert_line("Sending", "error", "The key is wrong.")
            self.domain._note_sending()
            self.assert_line("Sending", "ok")

    def test_a_note_that_cannot_be_written_harms_no_mail(self):
        full = patch.object(mailgun_domain_notes, "own_cursor", side_effect=PoolError)
        with full, self.assertLogs(mailgun_domain_notes.__name__, logging.INFO):
            self.domain._note_sending()
        self.assert_line("Sending", "info", "None yet")
        self.domain._note_sending()
        self.assert_line("Sending", "ok")

    def test_a_refused_post_is_told_until_one_is_taken(self):
        self.domain._note_refusal(InvalidSignature("no signing key fits"))
        self.assert_line("Receiving", "error", "no signing key fits")
        self.journal(create_date=fields.Datetime.now())
        self.domain.refusal_at -= timedelta(minutes=1)
        self.assert_line("Receiving", "ok")

    def test_mail_without_events_is_a_warning(self):
        self.domain.last_sent_at = fields.Datetime.now() - timedelta(hours=1)
        self.assert_line("Events", "warning", "no event")

    def test_a_backlog_is_told_with_its_oldest_mail(self):
        row = self.journal(state="pending")
        self.assert_line("Queued emails", "info", "1 mails")
        self.env.flush_all()
        self.env.cr.execute(
            "UPDATE mailgun_inbound_email SET create_date = now() - interval '1 hour'"
            " WHERE id = %s",
            [row.id],
        )
        self.assert_line("Queued emails", "error", "scheduled action")

    def test_failures_are_told_by_reason(self):
        for _mail in range(2):
            self.journal(state="failed", error="ValueError: no name\nmore")
        self.assert_line("Failed emails", "warning", "2 × ValueError: no name")

    def event(self, **values):
        known = {
            "domain_id": self.domain.id,
            "event_id": str(len(self.env["mailgun.event"].search([]))),
            "event": "delivered",
            "occurred_at": fields.Datetime.now(),
            "day": fields.Date.today(),
        }
        return self.env["mailgun.event"].create({**known, **values})

    def test_events_that_nobody_applies_are_told(self):
        event = self.event()
        titles = [line.title for line in self.domain._health_lines()]
        self.assertNotIn("Waiting events", titles)
        self.env.flush_all()
        self.env.cr.execute(
            "UPDATE mailgun_event SET create_date = now() - interval '1 hour'"
            " WHERE id = %s",
            [event.id],
        )
        self.assert_line("Waiting events", "error", "scheduled action")

    def test_events_that_cannot_be_applied_are_told_by_reason(self):
        for _event in range(2):
            self.event(state="failed", error="ValueError: no name\nmore")
        self.assert_line("Failed events", "warning", "2 × ValueError: no name")

    def test_failed_events_are_found_without_reading_all(self):
        self.event(state="failed", error="ValueError: no name")
        failed = self.domain._events_listed("failed event", "failed")
        self.env.flush_all()
        self.env.cr.execute("SET LOCAL enable_seqscan = off")
        query = self.env["mailgun.event"]._search(failed).select("event_id")
        self.env.cr.execute(SQL("EXPLAIN %s", query))
        plan = "\n".join(line for (line,) in self.env.cr.fetchall())
        self.assertIn("mailgun_open_row", plan)
        self.assertNotIn("Seq Scan on mailgun_event", plan)

    # --- daily check -----------------------------------------------------------------

    def activities(self):
        return self.domain.activity_ids.filtered("active")

    # The activity is mailed, and core says that OdooBot is at no known domain.
    @mute_logger("odoo.addons.base.models.ir_mail_server")
    def check(self):
        self.env["mailgun.domain"]._check_daily()
        self.env.invalidate_all()

    def test_one_activity_tells_the_responsible_user(self):
        self.mailgun.states[DOMAIN] = "disabled"
        for _day in range(2):
            self.check()
        (activity,) = self.activities()
        self.assertEqual(activity.user_id, self.domain.user_id)
        self.assertIn("has disabled the domain", activity.note)

    def test_the_activity_is_closed_when_everything_is_repaired(self):
        self.mailgun.states[DOMAIN] = "disabled"
        self.check()
        self.mailgun.states[DOMAIN] = "active"
        self.check()
        self.assertFalse(self.activities())

    def test_an_activity_of_the_version_before_is_closed_with_its_trouble(self):
        kind = "mail_mailgun.mail_activity_type_repair"
        self.domain.activity_schedule(kind, user_id=self.env.user.id)
        self.check()
        self.assertFalse(self.activities())

    def test_a_route_that_somebody_removed_is_noticed(self):
        self.mailgun.routes = []
        self.check()
        self.assert_line("Route", "error", "gone")
        self.domain.action_repair()
        self.assert_line("Route", "ok")

    def test_what_works_is_behind_a_click_and_what_does_not_is_shown(self):
        self.mailgun.routes = []
        self.check()
        line = self.domain._health_of_route()
        found = self.domain._folded([line, HealthLine("ok", "DNS", "Fine.")])
        self.assertEqual([one.title for one in found["shown"]], ["Route"])
        self.assertEqual([one.title for one in found["folded"]], ["DNS"])
        fine = [HealthLine("ok", "DNS", "Fine."), HealthLine("info", "Bounces", "Few.")]
        found = self.domain._folded(fine)
        self.assertEqual((found["shown"], found["folded"]), ([], fine))
        self.assertTrue(found["works"].startswith("Everything works."))
        unchecked = HealthLine("info", "API key", "Stored.", "Press Check.")
        found = self.domain._folded([*fine, unchecked])
        self.assertNotIn("works", found)

    def test_check_and_test_connection_look_at_route_and_webhooks(self):
        self.mailgun.routes = []
        shown = self.domain.action_test_connection()["params"]
        self.assertEqual(shown["type"], "danger")
        self.assert_line("Route", "error", "gone")
        self.domain.action_repair()
        self.assertIn("checked on", self.line(self.domain, "Route").text)
        self.mailgun.routes = []
        self.domain.action_check_dns()
        self.assert_line("Route", "error", "gone")

    def test_repair_says_what_it_has_set_up(self):
        self.mailgun.routes = []
        shown = self.domain.action_repair()["params"]
        self.assertEqual(shown["message"], "Set up: route.")
        shown = self.domain.action_repair()["params"]
        self.assertEqual(shown["message"], "Nothing was missing.")

    def test_of_an_exchanged_key_nobody_knows_until_it_was_asked_with(self):
        self.check()
        for change in ({"api_key": "another"}, {"region": "eu"}, {"subaccount": "s"}):
            self.domain.check_trouble = "refused"
            self.domain.remote_checked_at = "2026-01-01"
            self.domain.write(change)
            self.assertFalse(self.domain.check_trouble)
            self.assertFalse(self.domain.remote_checked_at)

    def test_a_key_that_no_longer_works_is_noticed(self):
        self.mailgun.answer(401, {"message": "Invalid private key"})
        self.check()
        self.assertTrue(self.activities())
        self.assert_line("API key", "error", "does not accept the API key")
        self.domain.action_repair()
        self.assert_line("API key", "ok")

    def test_an_hour_without_network_calls_nobody(self):
        self.mailgun.answer(503, {"message": "Service Unavailable"})
        self.check()
        self.assertFalse(self.activities())
        self.assert_line("API key", "ok")

    def test_a_copy_of_the_database_checks_nothing(self):
        self.domain.database_name = "the original"
        self.mailgun.seen.clear()
        self.check()
        self.assertEqual(self.mailgun.seen, [])


@tagged("post_install", "-at_install")
class TestPreview(ConnectCase):
    def setUp(self):
        super().setUp()
        self.domain = self.connect()
        self.env.user.email = "anna@example.com"

    def preview(self):
        self.domain.invalidate_recordset()
        return self.domain

    def test_a_sender_elsewhere_writes_under_the_domains_own_address(self):
        found = self.preview()
        self.assertIn(f"<notifications@{DOMAIN}>", found.preview_from)
        self.assertIn(f"catchall@{DOMAIN}", found.preview_reply_to)
        self.assertEqual(found.preview_return_path, f"bounce+…@{DOMAIN}")
        self.assertEqual(found.preview_alignment, "strict")
        self.assertFalse(found.preview_warning)

    def test_sends_as_the_parent_and_receives_at_the_domain(self):
        self.domain.send_as_parent = True
        found = self.preview()
        self.assertIn("<anna@example.com>", found.preview_from)
        self.assertIn(f"catchall@{DOMAIN}", found.preview_reply_to)
        self.assertIn(found.preview_alignment, ("relaxed", "unknown"))
        self.domain.send_as_parent = False
        self.assertEqual(self.preview().preview_alignment, "strict")

    def test_a_foreign_sender_would_fail_dmarc(self):
        self.domain.mail_server_ids.from_filter = "other.org"
        self.env.user.email = "anna@other.org"
        self.assertEqual(self.preview().preview_alignment, "none")

    def test_what_the_senders_domain_asks_for_is_told_when_it_was_looked_at(self):
        self.domain.send_as_parent = True
        self.assertIn("No record was looked at", self.preview().preview_policy)
        names = dict.fromkeys(("com", "example.com", DOMAIN), "")
        self.domain.dmarc_records = names
        self.assertIn("There is none", self.preview().preview_policy)
        for record, alignment, words in (
            ("v=DMARC1; p=reject", "relaxed", "example.com asks"),
            ("v=DMARC1; p=reject; adkim=s", "exact", "to refuse it"),
        ):
            self.domain.dmarc_records = {**names, "example.com": record}
            found = self.preview()
            self.assertEqual(found.preview_alignment, alignment)
            self.assertIn(words, found.preview_policy)

    @mute_logger("odoo.addons.base.models.ir_mail_server")
    def test_a_default_sender_outside_the_from_filter_is_warned_of(self):
        self.domain.alias_domain_id.default_from = "info@other.org"
        self.assertIn("info@other.org", self.preview().preview_warning)

    def test_another_server_that_is_preferred_is_named(self):
        self.env["ir.mail_server"].create(
            {"name": "Old", "smtp_host": "x", "from_filter": "anna@example.com"}
        )
        self.assertIn("“Old”", self.preview().preview_warning)
