from odoo.tests import tagged

from odoo.addons.mail_mailgun.tools.api.event_log import (
    EventLog,
    EventsApi,
    Query,
    Window,
    message_id_of,
)
from odoo.addons.mail_mailgun.tools.errors import SettingError
from odoo.addons.mail_mailgun.tools.mailgun_url import api_url

from .test_management import DOMAIN, ManagementCase


def event(number, **more):
    return {
        "id": f"e{number}",
        "event": "delivered",
        "timestamp": 1000.5 + number,
        **more,
    }


@tagged("mailgun_tools")
class TestEventLog(ManagementCase):
    def setUp(self):
        super().setUp()
        self.log = EventLog(EventsApi(self.client, DOMAIN))

    def page(self, *items):
        address = f"{api_url('eu')}/v3/{DOMAIN}/events/page-{len(self.mailgun.answers)}"
        self.mailgun.answer(200, {"items": list(items), "paging": {"next": address}})

    def ids(self, query=None):
        return [one["id"] for one in self.log.read(query or Query(1, 2))]

    def test_pages_are_followed_until_one_is_empty(self):
        self.page(event(1), event(2))
        self.page(event(3))
        self.page()
        self.assertEqual(self.ids(), ["e1", "e2", "e3"])
        self.assertEqual(
            [path.rpartition("/")[2] for _get, path in self.asked()[1:]],
            ["page-0", "page-1"],
        )

    def test_an_event_that_two_pages_show_counts_once(self):
        self.page(event(1), event(2))
        self.page(event(2), event(3))
        self.page()
        self.assertEqual(self.ids(), ["e1", "e2", "e3"])

    def test_the_same_id_on_another_day_is_another_event(self):
        self.page(event(1), event(1, timestamp=200_000))
        self.page()
        self.assertEqual(self.ids(), ["e1", "e1"])

    def test_several_types_are_joined(self):
        self.page()
        self.ids(Query(1, 2, ("stored", "accepted"), "<1@x>", "a@x"))
        asked = self.asked()[0][1]
        for part in (
            "begin=1.000",
            "end=2.000",
            "ascending=yes",
            "event=stored+OR+accepted",
            "message-id=1%40x",
            "recipient=a%40x",
        ):
            self.assertIn(part, asked)

    def test_a_message_is_found_by_its_id(self):
        self.page(event(1))
        self.page()
        self.assertEqual(len(self.log.find("<1@x>", 1, 2)), 1)
        self.assertIn("message-id=1%40x", self.asked()[0][1])

    def test_a_page_elsewhere_is_not_asked_for(self):
        for url in ("https://evil.example\\.mailgun.net/x", "https://[", "x"):
            paging = {"next": url}
            self.mailgun.answer(200, {"items": [event(1)], "paging": paging})
            with self.assertRaisesRegex(SettingError, "no address of Mailgun"):
                self.ids()

    def test_odd_pages_do_no_harm(self):
        for body in ({}, {"items": None}, {"items": "x"}):
            self.mailgun.answer(200, body)
            self.assertEqual(self.ids(), [])
        self.mailgun.answer(200, {"items": [None, event(1), "x"], "paging": []})
        self.assertEqual(self.ids(), ["e1"])

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
