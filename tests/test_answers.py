import time

from odoo.tests import tagged

from odoo.addons.mail_mailgun.tools.api.client import MailgunClient, MimeBody
from odoo.addons.mail_mailgun.tools.api.keys import probe
from odoo.addons.mail_mailgun.tools.api.management import Route
from odoo.addons.mail_mailgun.tools.api.record import EventsApi, LogsApi, Query
from odoo.addons.mail_mailgun.tools.api.stored_mail import (
    MailNotKept,
    StoredMail,
    fetch,
    last_refusal,
    stored_mail_of,
)
from odoo.addons.mail_mailgun.tools.api.suppressions import SuppressionLists
from odoo.addons.mail_mailgun.tools.errors import (
    DomainBarred,
    DoubtfulError,
    LimitReached,
    NotUnderstood,
    RefusedMessage,
    RefusedRecipient,
    SettingError,
    TransientError,
)

from .recorded import recorded
from .test_management import DOMAIN, ManagementCase

WAIT = "asks to try again later"
KEY = "does not accept the API key"
BARRED = "does not let mail.example.com send"

# What each answer to a message means: the class, and words of the sentence.
SENDING = {
    "accepted, 2016": None,
    "accepted as MIME, 2016": None,
    "accepted with a Message-Id of our own": None,
    "the address is none": (RefusedRecipient, "refuses this address"),
    "the address is none, in older words": (RefusedRecipient, "refuses this address"),
    "a free account and a stranger": (RefusedRecipient, "registered with it"),
    "a sandbox domain and a stranger": (RefusedRecipient, "registered with it"),
    "a wrong key": (SettingError, KEY),
    "an unknown domain, 2016": (SettingError, "does not know the domain"),
    "an unknown domain, 2021": (SettingError, "is spelled as at Mailgun"),
    "an unknown domain, 2025": (SettingError, "is spelled as at Mailgun"),
    "no recipient": (RefusedMessage, "to parameter is missing"),
    "no sender": (RefusedMessage, "from parameter is missing"),
    "the sender is none": (RefusedMessage, "from parameter is not a valid"),
    "the message is no file": (RefusedMessage, "is not a file"),
    "too many options": (RefusedMessage, "16 kB"),
    "too many recipients": (RefusedMessage, "max is 1000"),
    "probation and many recipients": (RefusedMessage, "fewer recipients"),
    "large batches": (RefusedMessage, "fewer recipients"),
    "an unverified domain": (DomainBarred, "press Check DNS"),
    "an account that is not activated": (DomainBarred, "activation mail"),
    "a spent allowance": (DomainBarred, "have the limit raised"),
    "a pause of the probation": (DomainBarred, "Wait, or"),
    "a disabled domain": (DomainBarred, "support can lift it"),
    "a disabled account": (DomainBarred, "support can lift it"),
    "an account that was not used": (DomainBarred, "support can lift it"),
    "an address of the sender that may not send": (SettingError, "IP addresses"),
    "a limit with a date, 420": (LimitReached, WAIT),
    "a limit with a date, 429": (LimitReached, WAIT),
    "a limit in seconds": (LimitReached, WAIT),
    "a limit of a day": (LimitReached, WAIT),
    "probation with its end": (LimitReached, WAIT),
    "too large": (RefusedMessage, "The message has 0.0 MB"),
    "too large, by a proxy": (RefusedMessage, "413 Request Entity Too Large"),
    "trouble of its own": (DoubtfulError, "trouble of its own"),
    "a wrong address of the API": (SettingError, "Check the domain's name"),
    "what the API does not have": (NotUnderstood, "404 page not found"),
}


class AnswersCase(ManagementCase):
    part = ""

    def give(self, name):
        found = recorded(self.part)[name]
        found.queue(self.mailgun)
        return found

    def refused(self, call, *arguments):
        """Return the error that a call raises."""
        with self.assertRaises(Exception) as caught:  # noqa: B017  which one is seen
            call(*arguments)
        return caught.exception


@tagged("mailgun_tools")
class TestAnswersToMessages(AnswersCase):
    part = "sending"

    def send(self):
        client = MailgunClient("us", "key-secret")
        self.addCleanup(client.close)
        return client.send_mime(
            DOMAIN, MimeBody(b"Subject: x\r\n\r\n", ["a@example.org"])
        )

    def test_each_answer_means_what_it_says(self):
        self.assertEqual(set(SENDING), set(recorded(self.part)))
        for name, meaning in SENDING.items():
            with self.subTest(name):
                found = self.give(name)
                if meaning is None:
                    self.assertRegex(self.send(), r"^<.+@mail.example.com>$")
                    continue
                error = self.refused(self.send)
                self.assertIs(type(error), meaning[0])
                self.assertIn(meaning[1], str(error))
                self.assertNotIn("<html", str(error))
                if found.status < 500 and meaning[0] is not SettingError:
                    self.assertIn(error.detail.split(":")[-1], str(error))

    def test_a_pause_has_its_end(self):
        self.give("probation with its end")
        error = self.refused(self.send)
        self.assertTrue(300 < error.retry_at - time.time() <= 341)

    def test_a_stranger_is_refused_with_200_words_and_403_alike(self):
        for status in (400, 403):
            found = recorded(self.part)["a sandbox domain and a stranger"]
            self.mailgun.answer(status, found.body.encode(), dict(found.headers))
            self.assertIsInstance(self.refused(self.send), RefusedRecipient)

    def test_words_in_a_page_are_nobodys_verdict(self):
        words = "to parameter is not a valid address. please check documentation"
        page = f"<html><title>{words}</title></html>".encode()
        for status in (400, 401, 402, 403, 404):
            self.mailgun.answer(status, page, "text/html")
            self.assertIs(type(self.refused(self.send)), NotUnderstood)

    def test_a_proxy_that_wants_a_password_is_named(self):
        self.mailgun.answer(407, b"", "text/html")
        error = self.refused(self.send)
        self.assertIsInstance(error, SettingError)
        self.assertIn("HTTPS_PROXY", str(error))

    def test_what_came_too_late_or_too_early_waits(self):
        for status in (408, 425):
            self.mailgun.answer(status, b"", "text/html")
            self.assertIs(type(self.refused(self.send)), TransientError)

    def test_a_403_of_unknown_words_stops_nobody_else(self):
        self.mailgun.answer(403, {"message": "This one we do not like"})
        error = self.refused(self.send)
        self.assertIs(type(error), NotUnderstood)
        self.assertIn("This one we do not like", str(error))

    def test_after_200_without_an_id_nobody_knows(self):
        for body in (b'{"id": "<1@mail', b"", b"<html>Sign in</html>", b'{"ok": 1}'):
            self.mailgun.answer(200, body)
            error = self.refused(self.send)
            self.assertIs(type(error), DoubtfulError)
            self.assertEqual(error.status, 0)


@tagged("mailgun_tools")
class TestAnswersAboutTheAccount(AnswersCase):
    part = "account"

    def test_domains_are_read(self):
        self.give("a domain")
        found = self.account.get_domain(DOMAIN)
        self.assertEqual(
            (found.name, found.state, found.spam_action), (DOMAIN, "unverified", "tag")
        )
        purposes = [one.purpose for one in found.records]
        self.assertEqual(
            purposes, ["sending", "sending", "tracking", "receiving", "receiving"]
        )
        self.give("domains")
        self.assertEqual(len(self.account.list_domains()), 2)
        self.give("a verified domain")
        self.assertEqual(self.account.verify_domain(DOMAIN).state, "unverified")
        self.give("a spam action")
        self.account.set_spam_action(DOMAIN, "tag")

    def test_routes_are_read(self):
        self.give("a new route")
        made = self.account.create_route(Route("", "catch_all()", ("stop()",)))
        self.assertEqual(made.id, "6797c62f6ee0a9fcb1ec5eee")
        self.give("routes")
        self.assertEqual([one.id for one in self.account.list_routes()], [made.id])
        self.give("a changed route")
        self.account.update_route(made)
        self.give("a route less")
        self.account.delete_route(made.id)
        self.give("no such route")
        self.assertIsNone(self.account.match_route(f"a@{DOMAIN}"))

    def test_one_route_too_many_is_said_in_mailguns_words(self):
        self.give("one route too many")
        error = self.refused(
            self.account.create_route, Route("", "catch_all()", ("stop()",))
        )
        self.assertIs(type(error), RefusedMessage)
        self.assertIn("quota (1) is exceeded for a free plan", str(error))

    def test_webhooks_are_read(self):
        self.give("webhooks")
        found = self.account.list_webhooks(DOMAIN)
        self.assertEqual(set(found), {"accepted", "clicked"})

    def test_a_wrong_key_and_an_unknown_domain_are_told_apart(self):
        self.give("a wrong key for the account")
        self.assertIn(KEY, str(self.refused(self.account.list_domains)))
        self.give("an unknown domain")
        error = self.refused(self.account.get_domain, DOMAIN)
        self.assertIn("does not know the domain", str(error))

    def test_what_is_not_the_api_is_not_taken_for_an_absence(self):
        calls = (
            (self.account.match_route, "a@" + DOMAIN),
            (self.account.list_domains,),
            (self.account.list_routes,),
            (self.account.list_webhooks, DOMAIN),
            (self.account.get_domain, DOMAIN),
            (self.account.get_signing_key,),
        )
        for call, *arguments in calls:
            for status, body in (
                (404, b"404 page not found"),
                (200, b"{}"),
                (200, b"<"),
            ):
                with self.subTest(call.__name__, status=status, body=body):
                    self.mailgun.answer(status, body, "text/plain")
                    error = self.refused(call, *arguments)
                    self.assertIs(type(error), NotUnderstood)

    def test_no_key_passes_for_a_page_that_is_not_the_api(self):
        for _region in range(2):
            self.mailgun.answer(401, b"Forbidden", "text/plain")
        self.mailgun.answer(404, b"404 page not found", "text/plain")
        self.assertIsInstance(self.refused(probe, "key", "us", DOMAIN), NotUnderstood)

    def test_a_domain_that_may_not_send_proves_the_key(self):
        for _region in range(2):
            self.mailgun.answer(401, b"Forbidden", "text/plain")
        recorded("sending")["a disabled account"].queue(self.mailgun)
        found = probe("key", "us", DOMAIN)
        self.assertEqual((found.kind, found.domains[0].state), ("sending", "disabled"))

    def test_what_is_said_of_a_sending_key_is_what_counts(self):
        for _region in range(2):
            self.mailgun.answer(401, b"Forbidden", "text/plain")
        for _region in range(2):
            self.mailgun.answer(402, {"message": "The card has expired"})
        self.assertEqual(probe("key", "us", DOMAIN).refusal, "The card has expired")


@tagged("mailgun_tools")
class TestAnswersAboutSuppressions(AnswersCase):
    part = "suppressions"

    def setUp(self):
        super().setUp()
        self.lists = SuppressionLists(self.client, DOMAIN)

    def test_lists_and_entries_are_read(self):
        self.give("a bounce")
        found = self.lists.find("bounces", "test777@example.org")
        self.assertEqual(found.reason, "777 integration testing123")
        self.give("an unsubscribe")
        self.assertTrue(self.lists.find("unsubscribes", "a@example.org").is_total)
        self.give("unsubscribes")
        self.assertEqual(len(self.lists.page("unsubscribes").items), 1)
        self.give("complaints")
        self.assertEqual(len(self.lists.page("complaints").items), 5)
        self.give("an empty list")
        self.assertEqual(self.lists.page("bounces").items, ())

    def test_entries_are_put_on_and_taken_off(self):
        self.give("many unsubscribes are put on")
        self.lists.unsubscribe(["a@example.org"])
        for name, list_name in (
            ("a bounce is taken off", "bounces"),
            ("an unsubscribe is taken off", "unsubscribes"),
            ("a complaint is taken off", "complaints"),
        ):
            self.give(name)
            self.assertTrue(self.lists.remove(list_name, "a@example.org"))

    def test_who_is_not_on_a_list_is_known_by_mailguns_words_only(self):
        for name in (
            "no such bounce",
            "no such unsubscribe",
            "no such complaint",
            "no such unsubscribe of a tag",
        ):
            self.give(name)
            self.assertIsNone(self.lists.find("bounces", "a@example.org"))
            self.give(name)
            self.assertFalse(self.lists.remove("bounces", "a@example.org"))
        self.mailgun.answer(404, b"404 page not found", "text/plain")
        error = self.refused(self.lists.find, "bounces", "a@example.org")
        self.assertIs(type(error), NotUnderstood)

    def test_a_page_that_is_none_is_no_empty_list(self):
        self.mailgun.answer(200, b"<html>Sign in</html>", "text/html")
        error = self.refused(self.lists.page, "bounces")
        self.assertIs(type(error), NotUnderstood)


@tagged("mailgun_tools")
class TestAnswersOfTheRecord(AnswersCase):
    part = "record"

    def test_events_are_read(self):
        self.give("no events")
        self.assertEqual(list(EventsApi(self.client, DOMAIN).pages(Query(1))), [])

    def test_logs_are_read(self):
        self.give("logs")
        ((entry,),) = LogsApi(self.client, DOMAIN).pages(Query(1))
        self.assertEqual(entry["timestamp"], 1750871991.166)
        self.assertEqual(entry["user-variables"], {})
        self.assertTrue(entry["storage"]["url"].startswith("https://storage.api.mail"))

    def test_the_next_page_of_logs_is_asked_for(self):
        self.give("logs with a next page")
        self.mailgun.answer(200, {"items": [], "pagination": {}})
        pages = LogsApi(self.client, "example.com").pages(Query(1))
        self.assertEqual([one["event"] for one in next(pages)], ["failed"])
        self.assertEqual(list(pages), [])
        self.assertIn(
            b"cjsijbijewbu78t678tVTYUYU76754fyuiksin98hh", self.mailgun.seen[1].body
        )

    def test_mail_that_is_kept_no_more_is_known_by_mailguns_words_only(self):
        mail = StoredMail("1", "<1@x>", ("a@x",), f"{self.client._url}/v3/messages/1")
        self.give("the mail is no longer kept")
        self.assertIsInstance(self.refused(fetch, self.client, mail), MailNotKept)
        self.mailgun.answer(404, b"404 page not found", "text/plain")
        self.assertIs(type(self.refused(fetch, self.client, mail)), NotUnderstood)

    def test_where_a_mail_is_kept_may_be_a_list(self):
        for url, found in (
            (["https://a", "https://b"], "https://a"),
            ([], ""),
            (3, ""),
        ):
            event = {"event": "stored", "message": {"recipients": ["a@x"]}}
            self.assertEqual(
                stored_mail_of({**event, "storage": {"url": url}}).url, found
            )

    def test_a_post_that_was_not_taken_is_told_by_an_event_about_its_url(self):
        event = {
            "event": "failed",
            "timestamp": 5,
            "recipient": "https://odoo.test/mailgun/inbound/mime",
            "delivery-status": {"code": 502, "message": "\n<h1>Bad  Gateway</h1>\n."},
        }
        found = last_refusal([event, {**event, "timestamp": 4}])
        self.assertEqual((found.status, found.words, found.at), (502, "Bad Gateway", 5))
        for silent in (None, {"code": "x", "message": 7}, {"code": 0, "message": ""}):
            found = last_refusal([{**event, "delivery-status": silent}])
            self.assertEqual((found.status, found.words), (0, ""))
        for other in ("https://crm.test/hook", "anna@customer.test", 7, None):
            self.assertIsNone(last_refusal([{**event, "recipient": other}]))
