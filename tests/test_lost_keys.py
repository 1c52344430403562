import os
import shutil
import tempfile
from pathlib import Path
from unittest.mock import patch

from odoo.exceptions import UserError
from odoo.http import root
from odoo.modules.neutralize import get_neutralization_queries
from odoo.tests import Form, tagged
from odoo.tools import config, mute_logger

from odoo.addons.mail_mailgun.models.domain.health import _last_noted

from .common import API_KEY, SIGNING_KEY, MailgunHttpCase
from .test_sending import MAIL, MailgunOutcomeCase

ANSWERS = "odoo.addons.mail_mailgun.controllers.answers"


class LostKeyMixin:
    """A server whose master key is in a file, and a folder for another server's."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        os.environ.pop("MAILGUN_SECRET_KEY")
        cls.here, cls.there = (
            Path(cls.enterClassContext(tempfile.TemporaryDirectory()))
            for _server in range(2)
        )
        # Odoo asks once where sessions are kept, and later tests need theirs.
        root.session_store  # noqa: B018  # pylint: disable=pointless-statement
        cls.startClassPatcher(patch.dict(config.options, {"data_dir": str(cls.here)}))
        cls.domain.write({"api_key": API_KEY, "webhook_signing_key": SIGNING_KEY})

    def setUp(self):
        super().setUp()
        self.file = self.here / "mail_mailgun" / "master.key"
        self.kept = self.file.read_text()
        self.addCleanup(self.restore)
        _last_noted.clear()

    def elsewhere(self):
        """Be a server with another data directory."""
        return patch.dict(config.options, {"data_dir": str(self.there)})

    def lose(self):
        """Lose the file with the master key."""
        self.remove(self.file)

    def remove(self, path):
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)

    def restore(self):
        """Restore the file from a backup."""
        self.remove(self.file)
        self.file.write_text(self.kept)
        self.domain.invalidate_recordset()

    def ruin(self):
        """Yield after each thing that can happen to the file, with what is said."""
        self.lose()
        yield "gone", "no master key"
        self.file.write_text("another key")
        yield "another", "another server or database"
        self.file.write_text("")
        yield "empty", "is empty"
        self.file.write_bytes(b"\xff\xfe\x00")
        yield "binary", "cannot be read"
        self.lose()
        self.file.mkdir()
        yield "a folder", "Is a directory"
        self.lose()
        self.file.symlink_to(self.file)
        yield "a loop", "symbolic links"
        self.lose()

    def lines(self):
        self.domain.invalidate_recordset()
        return {line.title: line for line in self.domain._health_lines()}


@tagged("post_install", "-at_install")
class TestLostKeys(LostKeyMixin, MailgunOutcomeCase):
    # --- said everywhere -------------------------------------------------------------

    def test_list_form_and_health_name_what_happened_to_the_master_key(self):
        for what, words in self.ruin():
            with self.subTest(what=what):
                lines = self.lines()
                self.assertIn(words, lines["API key"].text)
                self.assertEqual(lines["API key"].level, "error")
                self.assertIn(words, lines["Receiving"].text)
                self.assertIn(words, self.domain.api_key_info)
                self.assertIn(words, Form(self.domain).webhook_signing_key_info)
                views = [(False, "list"), (False, "form")]
                self.assertTrue(self.domain.get_views(views))
                self.domain.web_search_read([], {"health_level": {}, "health": {}})

    def test_only_the_rights_of_the_file_are_missing(self):
        if not os.geteuid():
            self.file.chmod(0o600)
            os.seteuid(65534)
            self.addCleanup(os.seteuid, 0)
        else:
            self.file.chmod(0)
        self.assertIn("Permission denied", self.lines()["API key"].text)
        self.assertIn("Permission denied", self.domain.api_key_info)

    def test_nothing_is_made_by_looking(self):
        self.lose()
        for look in (
            self.lines,
            lambda: self.domain.read(),
            lambda: self.mail().send(),
            lambda: self.env["mailgun.domain"]._check_daily(),
            lambda: self.domain.action_test_connection(),
        ):
            with mute_logger(MAIL):
                try:
                    look()
                except UserError as error:
                    self.assertIn("no master key", str(error))
        self.assertFalse(self.file.exists())
        with self.elsewhere():
            self.lines()
        self.assertEqual(list(self.there.iterdir()), [])

    def test_a_key_entered_again_makes_a_new_file(self):
        self.lose()
        self.domain.api_key = "key-2"
        self.assertEqual(self.domain._get_secret("api_key"), "key-2")
        self.assertEqual(self.file.stat().st_mode & 0o777, 0o600)
        # The other one cannot be brought back, and says so still.
        self.assertIn("another server", self.domain.webhook_signing_key_info)

    def test_a_key_cannot_be_stored_where_the_master_key_cannot_be_read(self):
        self.lose()
        self.file.mkdir()
        with self.assertRaisesRegex(UserError, "Is a directory"):
            self.domain.api_key = "key-2"
        with self.assertRaisesRegex(UserError, "Is a directory"):
            self.env["mailgun.connect"].create({"api_key": "key-2"})

    def test_a_key_from_outside_needs_no_master_key(self):
        self.lose()
        with patch.dict(os.environ, {"MAILGUN_API_KEY_MAIL_EXAMPLE_COM": "key-3"}):
            self.mail().send()
            self.assertIn("Set outside", self.lines()["API key"].text)
        self.assertEqual(len(self.mailgun.seen), 1)

    # --- mail waits ------------------------------------------------------------------

    def assert_waits(self, mails, words):
        self.env.invalidate_all()
        self.assertEqual(set(mails.mapped("state")), {"outgoing"})
        self.assertEqual(set(mails.mapped("mailgun_wait")), {"setting"})
        for mail in mails:
            self.assertIn(words, mail.mailgun_wait_reason)
        self.assertFalse(self.deliveries.search([("mail_id", "in", mails.ids)]))
        self.assertEqual(self.mailgun.seen, [])

    @mute_logger(MAIL)
    def test_mail_waits_for_the_repair_and_then_goes(self):
        for what, words in self.ruin():
            with self.subTest(what=what):
                mails = self.mail().concat(*(self.mail() for _mail in range(39)))
                mails.send()
                self.assert_waits(mails, words)
                damaged = self.file.read_bytes() if self.file.is_file() else None
                self.restore()
                mails.send()
                self.assertEqual(set(mails.mapped("state")), {"sent"})
                self.assertEqual(len(self.mailgun.seen), len(mails))
                self.mailgun.seen.clear()
                self.remove(self.file)
                if damaged is not None:
                    self.file.write_bytes(damaged)

    @mute_logger(MAIL)
    def test_the_author_is_shown_a_mail_that_waits_and_none_that_failed(self):
        mail = self.message(self.anna)
        self.lose()
        mail.send()
        message = mail.mail_message_id
        self.assertEqual(self.notifications(message), {"Anna": "ready"})
        self.restore()
        mail.send()
        self.assertEqual(self.notifications(message), {"Anna": "sent"})

    @mute_logger(MAIL)
    def test_two_servers_with_a_folder_of_their_own_each(self):
        mail = self.mail()
        with self.elsewhere():
            mail.send()
            self.assert_waits(mail, "no master key")
        mail.send()
        self.assertEqual(mail.state, "sent")

    @mute_logger(MAIL)
    def test_mail_in_doubt_waits_for_the_key_and_nobody_is_asked(self):
        mail = self.mail()
        self.mailgun.hang_up()
        mail.send()
        rows = self.rows(mail)
        rows.sending_at = "2020-01-01"
        self.lose()
        self.deliveries._settle()
        self.assertEqual(self.states(mail), {"customer@example.org": "sending"})
        self.assertEqual((mail.state, mail.mailgun_wait), ("outgoing", "doubt"))

    # --- copies ----------------------------------------------------------------------

    def test_a_neutralized_copy_holds_no_key_anywhere(self):
        self.env["mailgun.connect"].create({"api_key": API_KEY})
        self.env.flush_all()
        self.assertTrue(self.closed_keys())
        for query in get_neutralization_queries(["mail_mailgun"]):
            self.env.cr.execute(query)
        self.assertEqual(self.closed_keys(), [])

    def closed_keys(self):
        """Return every closed key of the database, whatever table it is in."""
        self.env.cr.execute(
            """SELECT table_name, column_name FROM information_schema.columns
                WHERE column_name LIKE '%\\_closed' AND table_name LIKE 'mailgun%'"""
        )
        found = []
        for table, column in self.env.cr.fetchall():
            # Names from PostgreSQL's own catalogue.
            self.env.cr.execute(
                f'SELECT "{column}" FROM "{table}" WHERE "{column}" IS NOT NULL'
            )
            found += self.env.cr.fetchall()
        return found

    def test_a_domain_of_a_lost_key_ends_no_check_of_the_others(self):
        other = self.env["mailgun.domain"].create({"name": "other.example.com"})
        with patch.dict(os.environ, {"MAILGUN_API_KEY_OTHER_EXAMPLE_COM": "key-4"}):
            other.action_confirm()
            other.key_kind = self.domain.key_kind = "api"
            self.lose()
            self.mailgun.answer(200, {"domain": {"name": other.name, "state": "x"}})
            self.env["mailgun.domain"]._check_daily()
        self.env.invalidate_all()
        self.assertEqual(other.remote_state, "x")
        self.assertFalse(self.domain.check_trouble)


@tagged("post_install", "-at_install")
class TestLostSigningKey(LostKeyMixin, MailgunHttpCase):
    def test_a_post_is_answered_503_with_what_happened(self):
        for what, words in self.ruin():
            with self.subTest(what=what):
                with self.assertLogs(ANSWERS, "WARNING") as logs:
                    response = self.post()
                self.assertEqual(response.status_code, 503)
                self.assertIn(words, response.text)
                self.assertNotIn(str(self.here), response.text)
                self.assertEqual(len(logs.output), 1)
        self.restore()
        self.assertEqual(self.post().status_code, 200)

    def test_a_previous_key_that_cannot_be_read_stands_in_nobodys_way(self):
        self.domain.webhook_signing_key = "signing-key-2"
        self.domain.webhook_signing_key_previous_closed = "closed elsewhere"
        response = self.post(sign_with={"key": "signing-key-2"})
        self.assertEqual(response.status_code, 200)
