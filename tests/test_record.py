import json
import time
from email.utils import parsedate_to_datetime

from odoo.tests import tagged

from odoo.addons.mail_mailgun.tools.api.record import (
    Query,
    Record,
    Window,
    event_time,
    message_id_of,
)
from odoo.addons.mail_mailgun.tools.errors import NotUnderstood, SettingError
from odoo.addons.mail_mailgun.tools.mailgun_url import api_url

from .connected_mailgun import as_entry
from .test_management import DOMAIN, ManagementCase

DAY = 24 * 3600


def event(number, **more):
    return {
        "id": f"e{number}",
        "event": "delivered",
        "timestamp": 1000.5 + number,
        **more,
    }


class RecordCase(ManagementCase):
    source = "events"

    def setUp(self):
        super().setUp()
        self.noted = []
        self.record = self.open()

    def open(self, **options):
        options = {"source": self.source, "note": self.noted.append, **options}
        return Record(self.client, DOMAIN, **options)

    def page(self, *items):
        """Queue a page of the record; without items it is the last."""
        number = len(self.mailgun.answers)
        if self.source == "events":
            address = f"{api_url('eu')}/v3/{DOMAIN}/events/page-{number}"
            body = {"items": list(items), "paging": {"next": address}}
        else:
            entries = [as_entry(item) for item in items]
            body = {"items": entries, "pagination": {"next": f"page-{number}"}}
        self.mailgun.answer(200, body)

    def next_pages(self):
        """Return which pages were asked for after the first one."""
        if self.source == "events":
            return [path.rpartition("/")[2] for _get, path in self.asked()[1:]]
        return [
            json.loads(seen.body)["pagination"]["token"]
            for seen in self.mailgun.seen[1:]
        ]

    def ids(self, query=None):
        return [one["id"] for one in self.record.read(query or Query(1, 10**9))]


@tagged("mailgun_tools")
class TestRecord(RecordCase):
    def test_pages_are_followed_until_one_is_empty(self):
        self.page(event(1), event(2))
        self.page(event(3))
        self.page()
        self.assertEqual(self.ids(), ["e1", "e2", "e3"])
        self.assertEqual(self.next_pages(), ["page-0", "page-1"])
        self.assertTrue(self.record.is_complete)

    def test_an_event_that_two_pages_show_counts_once(self):
        self.page(event(1), event(2))
        self.page(event(2), event(3))
        self.page()
        self.assertEqual(self.ids(), ["e1", "e2", "e3"])

    def test_the_same_id_on_another_day_is_another_event(self):
        self.page(event(1), event(1, timestamp=200_000))
        self.page()
        self.assertEqual(self.ids(), ["e1", "e1"])

    def test_whichever_way_it_comes_it_has_the_shape_of_an_event(self):
        data = event(
            1,
            **{
                "user-variables": {"odoo": "mark"},
                "storage": {"url": "https://storage.api.mailgun.net/1"},
                "domain": {"name": DOMAIN},
            },
        )
        self.page(data)
        self.page()
        self.assertEqual(list(self.record.read(Query(1, 10**9))), [data])

    def test_without_time_it_says_how_far_it_came(self):
        self.record = self.open(has_time=lambda: False)
        self.page(event(1), event(2))
        self.assertEqual(self.ids(), ["e1", "e2"])
        self.assertFalse(self.record.is_complete)
        self.assertEqual(self.record.reached, 1002.5)

    def test_what_is_no_page_proves_nothing(self):
        for body in (
            {},
            {"items": "x"},
            {"items": []},
            {"message": "x"},
            b"<html>",
            [],
        ):
            self.mailgun.answer(200, body)
            with self.assertRaises(NotUnderstood):
                self.ids()

    def test_a_page_elsewhere_is_not_asked_for(self):
        if self.source == "logs":
            self.skipTest("a page is named by a token, and no address")
        for url in ("https://evil.example\\.mailgun.net/x", "https://[", "x"):
            self.mailgun.answer(200, {"items": [event(1)], "paging": {"next": url}})
            with self.assertRaisesRegex(SettingError, "no address of Mailgun"):
                self.ids()

    def test_a_list_that_is_null_is_empty(self):
        self.mailgun.answer(200, {"items": None, "paging": {}, "pagination": {}})
        self.assertEqual(self.ids(), [])

    def test_odd_entries_do_no_harm(self):
        good = event(1) if self.source == "events" else as_entry(event(1))
        body = {"items": [None, good, "x"], "paging": {}, "pagination": {}}
        self.mailgun.answer(200, body)
        self.assertEqual(self.ids(), ["e1"])

    def test_a_key_that_may_not_read_is_said_to_be_so(self):
        for _way in ("logs", "events"):
            self.mailgun.answer(401, b"Forbidden", "text/plain")
        with self.assertRaises(SettingError):
            self.open(source="").oldest()

    # --- how far back it reaches -----------------------------------------------------

    def test_it_reaches_back_as_far_as_its_oldest_event(self):
        now = time.time()
        for days, reaches in ((4, True), (2, False)):
            self.page(event(1, timestamp=now - days * DAY))
            self.page()
            self.assertIs(self.record.reaches(now - 3 * DAY), reaches)
            self.mailgun.answers.clear()

    def test_an_empty_record_proves_nothing_of_days_ago(self):
        self.page()
        self.assertFalse(self.record.reaches(time.time() - 3 * DAY))

    def test_what_every_plan_keeps_need_not_be_asked_for(self):
        self.assertTrue(self.record.reaches(time.time() - 3600))
        self.assertFalse(self.asked())

    # --- which way -------------------------------------------------------------------

    def test_the_way_is_found_out_once(self):
        if self.source == "events":
            self.mailgun.answer(404, b"404 page not found", "text/plain")
        self.page()
        self.page()
        self.record = self.open(source="")
        self.ids()
        self.assertEqual(self.noted, [self.source])
        before = len(self.mailgun.seen)
        self.page()
        self.ids()
        self.assertEqual(len(self.mailgun.seen), before + 1)

    def test_a_way_that_is_gone_is_left_for_the_other(self):
        other = {"logs": "events", "events": "logs"}[self.source]
        self.record = self.open(source=other)
        self.mailgun.answer(410, b"Gone", "text/plain")
        if self.source == "events":
            self.mailgun.answer(410, b"Gone", "text/plain")
        self.page()
        self.page(event(1))
        self.page()
        self.assertEqual(self.ids(), ["e1"])
        self.assertEqual(self.noted, [self.source])

    def test_a_proxys_page_does_not_change_the_way(self):
        self.mailgun.answer(302, b"", "text/html")
        with self.assertRaises(NotUnderstood):
            self.ids()
        self.assertEqual((self.noted, len(self.mailgun.seen)), ([], 1))


@tagged("mailgun_tools")
class TestRecordByLogs(TestRecord):
    allow_inherited_tests_method = True
    source = "logs"


@tagged("mailgun_tools")
class TestEventsQuestion(RecordCase):
    def asked_for(self, query):
        self.page()
        self.ids(query)
        return self.asked()[-1][1]

    def test_several_types_are_joined(self):
        asked = self.asked_for(Query(1, 2, ("stored", "accepted"), "<1@x>", "a@x.org"))
        for part in (
            "begin=1.000",
            "end=2.000",
            "ascending=yes",
            "event=stored+OR+accepted",
            "message-id=1%40x",
            "recipient=a%40x.org",
        ):
            self.assertIn(part, asked)

    def test_until_now_is_by_mailguns_clock(self):
        self.assertNotIn("end=", self.asked_for(Query(1)))

    def test_addresses_that_a_filter_may_take_for_its_grammar_are_filtered_here(self):
        for address in ("a+b@x.org", "o'neil@x.org", "-a@x.org", "a&b@x.org", "NOT"):
            self.assertNotIn("recipient", self.asked_for(Query(1, recipient=address)))


@tagged("mailgun_tools")
class TestLogsQuestion(RecordCase):
    source = "logs"

    def test_only_what_is_documented_is_asked_for(self):
        self.page(
            event(1, recipient="a@x.org"),
            event(2, recipient="B@x.org", message={"headers": {"message-id": "1@x"}}),
            event(3, recipient="b@x.org", message={"headers": {"message-id": "2@x"}}),
        )
        self.page()
        query = Query(1000.5, 2000.2, ("delivered",), "<1@x>", "b@x.org")
        self.assertEqual(self.ids(query), ["e2"])
        seen = self.mailgun.seen[0]
        asked = json.loads(seen.body)
        self.assertEqual((seen.method, seen.path), ("POST", "/eu/v1/analytics/logs"))
        self.assertEqual(parsedate_to_datetime(asked["start"]).timestamp(), 1000)
        self.assertEqual(parsedate_to_datetime(asked["end"]).timestamp(), 2001)
        self.assertEqual(asked["events"], ["delivered"])
        (condition,) = asked["filter"]["AND"]
        self.assertEqual(condition["attribute"], "domain")
        self.assertEqual(condition["values"][0]["value"], DOMAIN)
        self.assertEqual(asked["pagination"], {"sort": "timestamp:asc", "limit": 100})

    def test_mail_of_another_domain_of_the_account_is_left_out(self):
        entry = {**as_entry(event(1)), "domain": {"name": "other.example.com"}}
        self.mailgun.answer(200, {"items": [entry], "pagination": {}})
        self.assertEqual(self.ids(), [])


@tagged("mailgun_tools")
class TestWindow(ManagementCase):
    def test_windows_overlap_so_that_late_events_are_seen(self):
        first = Window.after(10_000, 20_000, late=1_800)
        self.assertEqual((first.begin, first.end), (8_200, 20_000))
        second = Window.after(first.cursor, 20_300, late=1_800)
        self.assertEqual(second.begin, 20_000 - 1_800 - 1_800)
        self.assertLess(second.begin, first.end)

    def test_a_window_never_moves_its_cursor_back(self):
        self.assertEqual(Window.after(10_000, 10_060).cursor, 10_000)

    def test_message_ids_of_events_get_their_brackets(self):
        self.assertEqual(
            message_id_of({"message": {"headers": {"message-id": "1@x"}}}), "<1@x>"
        )
        for odd in (
            {},
            {"message": []},
            {"message": {"headers": {"message-id": None}}},
        ):
            self.assertEqual(message_id_of(odd), "")

    def test_a_time_is_read_in_both_spellings(self):
        self.assertEqual(
            event_time({"@timestamp": "2024-07-08T16:30:18.530Z"}), 1720456218.53
        )
        for odd in ("", "yesterday", None, [], "9999-99-99T00:00:00Z"):
            self.assertEqual(event_time({"@timestamp": odd}), 0.0)
