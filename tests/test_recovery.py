import time
from datetime import timedelta
from unittest.mock import patch

from odoo import fields
from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged
from odoo.tools import mute_logger

from odoo.addons.mail_mailgun.models.domain import health as mailgun_domain_notes
from odoo.addons.mail_mailgun.models.inbound.inbound_queue import InboundQueue
from odoo.addons.mail_mailgun.tools.errors import InvalidSignature
from odoo.addons.mail_mailgun.tools.mime.inbound import InboundPost

from .common import DOMAIN
from .test_connect import ConnectCase
from .test_held_text import ATTACHMENTS, file_of
from .test_where_the_key_goes import ELSEWHERE

MAIL = (
    f"From: customer@example.org\r\nTo: people@{DOMAIN}\r\nSubject: Missed\r\n"
    "Message-Id: <1@example.org>\r\n\r\nHello\r\n"
)
STORED = f"/v3/domains/{DOMAIN}/messages/key"
JOURNAL = "odoo.addons.mail_mailgun.models.inbound.failed_mail"
RECOVERY = "odoo.addons.mail_mailgun.models.inbound.recovery"
FETCHMAIL = "odoo.addons.mail_mailgun.models.inbound.fetchmail_server"


class RecoveryCase(ConnectCase):
    """A connected domain whose Mailgun keeps one mail."""

    source = "events"

    def setUp(self):
        super().setUp()
        self.domain = self.connect()
        self.mailgun.sources = (self.source,)
        self.domain.record_source = self.source
        self.server = self.domain.incoming_server_ids
        self.registry_enter_test_mode()
        self.startPatcher(patch.object(mailgun_domain_notes, "NOTE_SECONDS", 0))
        self.stored = {"body-mime": MAIL, "sender": "customer@example.org"}
        self.mailgun.stored = lambda: self.stored
        self.mailgun.events = [self.event()]

    def event(self, number=1, recipients=(f"people@{DOMAIN}",), **values):
        return {
            "id": f"e{number}",
            "event": "stored",
            "timestamp": time.time() - 60,
            "message": {
                "headers": {"message-id": f"{number}@example.org"},
                "recipients": list(recipients),
            },
            "storage": {"url": self.mailgun.url + STORED, "key": "key"},
            **values,
        }

    def rows(self):
        self.env.invalidate_all()
        return self.env["mailgun.inbound.email"].search([])


@tagged("post_install", "-at_install")
class TestRecovery(RecoveryCase):
    def fetch(self):
        return self.server.fetch_mail()["params"]

    def test_missed_mail_is_taken_with_its_bytes_and_envelope(self):
        self.assertIn("1 of them were missing", self.fetch()["message"])
        row = self.rows()
        self.assertEqual(row._raw_bytes(), MAIL.encode())
        self.assertEqual(row.sender, "customer@example.org")
        self.assertEqual((row.recipient, row.state), (f"people@{DOMAIN}", "pending"))

    def test_it_is_taken_once(self):
        self.fetch()
        self.assertIn("0 of them", self.fetch()["message"])
        self.assertEqual(len(self.rows()), 1)

    def test_bytes_that_the_file_store_has_lost_are_fetched_by_retry(self):
        (row,) = self.post(MAIL.encode(), f"people@{DOMAIN}")
        lost = file_of(row._raw_attachment())
        lost.unlink()
        self.mailgun.events = []
        with mute_logger(JOURNAL, ATTACHMENTS):
            InboundQueue(self.registry).work_after_answer()
        self.env.invalidate_all()
        self.assertEqual(row.state, "failed")
        self.assertIn("bytes of this mail are missing", row.error)
        self.assertIn("has not kept", row.error)
        others = self.event(recipients=["other@" + DOMAIN])
        self.mailgun.events = [others, self.event(2), self.event()]
        row.action_retry()
        self.env.flush_all()
        with mute_logger(ATTACHMENTS):
            InboundQueue(self.registry).work_after_answer()
        self.env.invalidate_all()
        # Core has read it, and has no such address.
        self.assertEqual((row.state, row._raw_bytes()), ("unrouted", MAIL.encode()))

    def test_mail_that_was_posted_is_not_taken_again(self):
        post = InboundPost.from_raw(MAIL.encode(), "", [f"people@{DOMAIN}"])
        self.env["mailgun.inbound.email"]._receive(self.domain, post, "token")
        self.fetch()
        self.assertEqual(len(self.rows()), 1)
        self.assertFalse([one for one in self.mailgun.seen if STORED in one.path])

    def post(self, raw, *recipients, token="token"):
        """Take a mail as by a post; return its rows."""
        post = InboundPost.from_raw(raw, "", recipients)
        journal = self.env["mailgun.inbound.email"]
        return journal.browse(journal._receive_signed([(self.domain, post)], token))

    def test_another_mail_with_a_known_message_id_is_taken_and_held(self):
        row = self.post(MAIL.replace("Hello", "Yesterday").encode(), f"people@{DOMAIN}")
        self.env.cr.execute(
            "UPDATE mailgun_inbound_email SET create_date = now() - interval '1 day'"
        )
        self.assertIn("1 of them were missing", self.fetch()["message"])
        other = self.rows() - row
        self.assertEqual((other.state, other._raw_bytes()), ("held", MAIL.encode()))
        self.assertIn("same Message-Id", other.error)
        self.fetch()
        self.assertEqual(len(self.rows()), 2)

    def test_a_copy_that_json_has_damaged_is_no_other_mail(self):
        head, text = MAIL.encode().split(b"\r\n\r\n")
        raw = head + b"\r\nContent-Type: text/plain; charset=latin1\r\n\r\nGr\xfc\xdfe"
        self.stored["body-mime"] = raw.decode("utf-8", "replace")
        names = [f"{name}@{DOMAIN}" for name in ("posted", "missed")]
        row = self.post(raw, names[0])
        self.mailgun.events = [self.event(recipients=names)]
        self.fetch()
        missed = self.rows() - row
        self.assertEqual((missed.recipient, missed.state), (names[1], "pending"))
        self.assertFalse(self.post(raw, *names, token="late"))
        self.assertEqual(len(self.rows()), 2)

    def refused(self, code=404, words="Not Found"):
        """Return the event of the mail's post that was answered so."""
        return self.event(
            id="refused",
            event="failed",
            severity="temporary",
            timestamp=time.time() - 30,
            recipient="https://odoo.example.com/mailgun/inbound/mime",
            **{"delivery-status": {"code": code, "message": words}},
        )

    def health(self, title):
        self.env.invalidate_all()
        return self.line(self.domain, title)

    def test_mail_that_had_to_be_fetched_is_told_with_what_its_post_was_refused(self):
        self.mailgun.events.append(self.refused())
        self.fetch()
        line = self.health("Fetched emails")
        self.assertEqual(line.level, "error")
        self.assertIn("1 mails had to be fetched in the last 24 h", line.text)
        self.assertIn("404 Not Found", line.text)
        self.assertIn("dbfilter", line.remedy)
        self.assertEqual(self.health("Receiving").level, "error")

    def test_a_webhook_tells_of_a_post_that_was_not_taken(self):
        now = fields.Datetime.now()
        event = {"domain_id": self.domain.id, "event_id": "1", "event": "failed"}
        times = {"occurred_at": now, "day": now.date()}
        payload = self.refused(413, "Request Entity Too Large")
        events = self.env["mailgun.event"]
        events.create({**event, **times, "payload": payload})
        self.env.flush_all()
        events._process_queue()
        self.assertIn("413 Request Entity", self.health("Receiving").text)
        self.assertIn("client_max_body_size", self.health("Receiving").remedy)

    def test_what_is_fetched_makes_no_light_green(self):
        self.fetch()
        self.assertEqual(self.health("Receiving").level, "info")
        self.assertIn("nobody tells", self.health("Fetched emails").text)

    def test_a_refusal_is_told_until_a_post_is_taken_whatever_is_fetched(self):
        self.domain._note_refusal(InvalidSignature("no signing key fits"))
        self.fetch()
        self.assertEqual(self.health("Receiving").level, "error")
        self.domain.refusal_at -= timedelta(minutes=1)
        self.post(MAIL.replace("<1@", "<2@").encode(), f"people@{DOMAIN}")
        self.assertEqual(self.health("Receiving").level, "ok")
        self.assertEqual(self.health("Fetched emails").level, "warning")

    def test_a_post_that_comes_after_fetching_proves_that_posts_arrive(self):
        self.fetch()
        self.assertFalse(self.post(MAIL.encode(), f"people@{DOMAIN}", token="late"))
        self.assertEqual(self.rows().token, "late")
        self.assertEqual(self.health("Receiving").level, "ok")
        titles = [line.title for line in self.domain._health_lines()]
        self.assertNotIn("Fetched emails", titles)

    def test_each_recipient_gets_a_row(self):
        self.mailgun.events = [self.event(recipients=[f"a@{DOMAIN}", f"b@{DOMAIN}"])]
        self.fetch()
        self.assertEqual(len(self.rows()), 2)

    def test_a_forwarding_route_tells_by_an_accepted_event(self):
        match = {"recipient": f"people@{DOMAIN}"}
        self.mailgun.events = [
            self.event(
                event="accepted",
                recipient="https://odoo.example.com/mailgun/inbound/mime",
                routes=[{"match": match}],
            )
        ]
        self.fetch()
        self.assertEqual(self.rows().recipient, f"people@{DOMAIN}")

    def test_mail_that_we_sent_is_no_mail_that_came_in(self):
        self.mailgun.events = [
            self.event(event="accepted", recipient="customer@example.org")
        ]
        self.fetch()
        self.assertFalse(self.rows())

    @mute_logger(RECOVERY)
    def test_mail_that_is_no_longer_kept_is_told(self):
        self.stored = None
        params = self.fetch()
        self.assertEqual(params["type"], "warning")
        self.assertIn("no longer kept", params["message"])

    def test_nothing_missed_is_told_too(self):
        self.mailgun.events = []
        self.assertIn("no mail", self.fetch()["message"])

    def test_the_next_look_begins_where_late_events_may_be(self):
        self.fetch()
        cursor = self.server.mailgun_cursor
        late = fields.Datetime.now() - cursor
        self.assertGreaterEqual(late, timedelta(minutes=29))
        self.assertLessEqual(late, timedelta(minutes=31))

    @mute_logger(RECOVERY)
    def test_the_key_goes_only_to_mailgun_and_others_are_still_fetched(self):
        odd = (*ELSEWHERE, 7, [], ["https://evil.example"], {"x": 1}, None, True)
        self.mailgun.events = [
            self.event(number, storage={"url": url})
            for number, url in enumerate(odd, start=2)
        ]
        self.mailgun.events += [self.event(0, storage=[]), self.event(1)]
        message = self.fetch()["message"]
        self.assertIn("1 of them were missing", message)
        self.assertIn(f"{len(odd) + 1} mails are missing and no longer kept", message)

    @mute_logger(RECOVERY)
    def test_a_mail_that_mailgun_does_not_give_out_holds_up_no_other(self):
        refused = {"url": f"{self.mailgun.url}/v3/refused"}
        self.mailgun.events = [self.event(2, storage=refused), self.event()]
        asked = self.mailgun.respond

        def respond(seen):
            refuses = seen.path == "/v3/refused"
            return (400, b"{}", "application/json") if refuses else asked(seen)

        self.mailgun.respond = respond
        self.assertIn("1 of them were missing", self.fetch()["message"])

    def test_an_event_of_odd_routes_holds_up_no_other(self):
        odd = [{"routes": 7}, {"routes": {"match": 1}}, {"routes": [{"match": 7}]}]
        self.mailgun.events = [
            *(self.event(event="accepted", **routes) for routes in odd),
            self.event(),
        ]
        self.assertIn("1 of them were missing", self.fetch()["message"])

    def test_two_events_of_one_mail_are_one_mail(self):
        self.mailgun.events = [self.event(), self.event(id="other")]
        self.assertIn("tells of 1 mails; 1 of them", self.fetch()["message"])

    def test_a_day_of_downtime_is_looked_through_whole(self):
        self.server.mailgun_cursor = fields.Datetime.now() - timedelta(hours=23)
        self.fetch()
        self.assertLess(self.mailgun.begins()[0], time.time() - 23 * 3600)

    def test_a_record_that_begins_too_late_is_told(self):
        self.server.mailgun_cursor = fields.Datetime.now() - timedelta(days=3)
        params = self.fetch()
        self.assertEqual(params["type"], "warning")
        self.assertIn("depends on the plan", params["message"])

    def test_a_record_that_reaches_back_is_complete(self):
        cursor = fields.Datetime.now() - timedelta(days=3)
        self.server.mailgun_cursor = cursor
        early = self.event(2, event="opened", timestamp=time.time() - 4 * 86400)
        self.mailgun.events = [early, self.event()]
        self.assertNotIn("plan", self.fetch()["message"])

    def test_a_sending_key_cannot_ask_and_says_so(self):
        self.mailgun.answer(401, {"message": "Invalid private key"})
        with self.assertRaisesRegex(UserError, "API key"):
            self.fetch()
        self.server.set_draft()
        self.mailgun.answer(401, {"message": "Invalid private key"})
        with self.assertRaisesRegex(UserError, "API key"):
            self.server.button_confirm_login()

    def test_the_cron_notes_a_failure_and_goes_on(self):
        self.mailgun.answer(500, {"message": "Internal Server Error"})
        error = self.server._fetch_mail()
        self.assertIn("again later", str(error))
        self.assertIn("again later", self.server.error_message)
        with mute_logger(FETCHMAIL):
            self.assertIsNone(self.server._fetch_mail())
        self.assertFalse(self.server.error_message)

    def test_the_servers_options_hold_for_posted_mail(self):
        self.server.object_id = self.env["ir.model"]._get("res.partner")
        self.server.original = True
        self.server.set_draft()
        self.fetch_all()
        row = self.rows()
        self.assertEqual(row.state, "done")
        self.assertEqual(row.mail_message_id.model, "res.partner")
        names = row.mail_message_id.attachment_ids.mapped("name")
        self.assertIn("original_email.eml", names)

    def fetch_all(self):
        self.fetch()
        self.env.ref("mail_mailgun.ir_cron_inbound_queue").method_direct_trigger()


@tagged("post_install", "-at_install")
class TestStoredMail(RecoveryCase):
    """Posts of ``store(notify=…)``: the text is here, the mail is at Mailgun."""

    def notify(self, url=None):
        raw = MAIL.replace("Hello", "only the text").encode()
        post = InboundPost.from_raw(
            raw, "customer@example.org", [f"people@{DOMAIN}"], url or self.stored_url()
        )
        self.env["mailgun.inbound.email"]._receive(self.domain, post, "token")
        self.work()
        return self.rows()

    def stored_url(self):
        return self.mailgun.url + STORED

    def work(self):
        self.env.flush_all()
        InboundQueue(self.registry).work_after_answer()

    def test_the_whole_mail_is_fetched_and_routed(self):
        self.server.object_id = self.env["ir.model"]._get("res.partner")
        row = self.notify()
        self.assertEqual((row.state, row.stored_url), ("done", False))
        self.assertEqual(row._raw_bytes(), MAIL.encode())
        self.assertIn("Hello", row.mail_message_id.body)

    def test_a_slow_storage_is_asked_again(self):
        self.mailgun.answer(503, b"<html>busy</html>", "text/html")
        row = self.notify()
        self.assertEqual((row.state, row.attempt_count), ("pending", 1))
        self.assertIn("again later", row.error)

    @mute_logger(JOURNAL)
    def test_a_mail_that_is_gone_fails_with_the_host_and_keeps_its_text(self):
        self.stored = None
        row = self.notify()
        self.assertEqual(row.state, "failed")
        self.assertIn(f"no longer kept at {self.mailgun.url}", row.error)
        self.assertIn(b"only the text", row._raw_bytes())

    # --- where it is stored ----------------------------------------------------------

    def test_nobody_writes_where_a_mail_is_stored(self):
        self.mailgun.answer(503, b"busy", "text/html")
        row = self.notify()
        rows = row.with_user(self.env.ref("base.user_admin"))
        elsewhere = {"stored_url": "https://api.mailgun.net/v3/domains/x/messages/2"}
        for what, write in {
            "write": lambda: rows.write(elsewhere),
            "web_save": lambda: rows.web_save(elsewhere, {}),
            "create": lambda: rows.create({"domain_id": self.domain.id, **elsewhere}),
            "onchange": lambda: rows.onchange(elsewhere, [], {"stored_url": {}}),
            "read": lambda: rows.read(["stored_url"]),
        }.items():
            with self.subTest(what=what), mute_logger("odoo.orm.models"):
                with self.assertRaises(AccessError):
                    write()
        self.assertNotIn("stored_url", rows.fields_get())
        (external_id,) = rows._export_rows([["id"]])[0]
        loaded = rows.load(["id", "stored_url"], [[external_id, "https://x"]])
        self.assertFalse(loaded["ids"])
        self.env.invalidate_all()
        self.assertEqual(row.stored_url, self.stored_url())

    @mute_logger(JOURNAL)
    def test_a_mail_that_is_stored_elsewhere_gets_no_key_and_keeps_its_text(self):
        row = self.notify(r"https://evil.example\.mailgun.net/x")
        self.assertIn("https://evil.example is no address of Mailgun", row.error)
        self.assertIn(b"only the text", row._raw_bytes())


@tagged("post_install", "-at_install")
class TestRecoveryByLogs(TestRecovery):
    """The same, from an account that has Logs and no Events."""

    allow_inherited_tests_method = True
    source = "logs"
