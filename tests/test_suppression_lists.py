from odoo.tests import tagged

from odoo.addons.mail_mailgun.tools.api.suppressions import (
    Page,
    Reading,
    Suppression,
    SuppressionLists,
)
from odoo.addons.mail_mailgun.tools.errors import SettingError
from odoo.addons.mail_mailgun.tools.mailgun_url import api_url

from .test_management import DOMAIN, ManagementCase

PATH = f"/eu/v3/{DOMAIN}"
DATE = "Thu, 11 Dec 2025 01:49:40 UTC"
SECONDS = 1765417780


@tagged("mailgun_tools")
class TestSuppressionLists(ManagementCase):
    def setUp(self):
        super().setUp()
        self.lists = SuppressionLists(self.client, DOMAIN)

    def test_a_bounce_tells_since_when_and_why(self):
        item = {
            "address": "Ann@Example.org",
            "code": "550",
            "error": "No such mailbox",
            "created_at": DATE,
        }
        self.mailgun.answer(200, {"items": [item], "paging": {"next": "x"}})
        (found,) = self.lists.page("bounces").items
        self.assertEqual(found.address, "ann@example.org")
        self.assertEqual(found.created_at, SECONDS)
        self.assertEqual(found.reason, "550 No such mailbox")

    def test_the_largest_page_is_asked_for_and_the_next_as_it_is_given(self):
        following = f"{api_url('eu')}/v3/{DOMAIN}/bounces?page=next&address=a%40x.org"
        self.mailgun.answer(200, {"items": [{}], "paging": {"next": following}})
        page = self.lists.page("bounces")
        self.mailgun.answer(200, {"items": [], "paging": {"next": following}})
        self.assertEqual(self.lists.page("bounces", page.next), Page(()))
        first, second = (path for _method, path in self.asked())
        self.assertEqual(first, f"{PATH}/bounces?limit=1000")
        self.assertEqual(second, f"{PATH}/bounces?page=next&address=a%40x.org")

    def test_a_page_that_leads_to_itself_is_the_last(self):
        item = {"address": "a@x.org"}
        self.mailgun.answer(200, {"items": [item], "paging": {"next": "/here"}})
        self.assertEqual(self.lists.page("bounces", "/here").next, "")

    def test_odd_entries_do_no_harm(self):
        odd = [
            None,
            "x",
            {},
            {"address": None},
            {"address": "no address"},
            {"address": "a@x.org", "created_at": None, "tags": None, "code": None},
            {"address": "b@x.org", "created_at": "tomorrow", "tags": [1, "*"]},
        ]
        self.mailgun.answer(200, {"items": odd, "paging": None})
        page = self.lists.page("unsubscribes")
        self.assertEqual([one.created_at for one in page.items], [0, 0])
        self.assertEqual(page.items[1].tags, ("*",))

    def test_one_tag_is_not_everything(self):
        for given, total in (
            ({"tags": ["*"]}, True),
            ({"tag": "*"}, True),
            ({"tags": ["news"]}, False),
            ({}, True),
        ):
            self.mailgun.answer(200, {"items": [{"address": "a@x.org", **given}]})
            (found,) = self.lists.page("unsubscribes").items
            self.assertEqual(found.is_total, total, given)

    def test_an_address_is_encoded_in_the_path(self):
        self.mailgun.answer(200, {"address": "a+b/c@x.org", "created_at": DATE})
        found = self.lists.find("bounces", "a+b/c@x.org")
        self.assertEqual(found.created_at, SECONDS)
        self.mailgun.answer(200, {"message": "Bounced address has been removed"})
        self.assertTrue(self.lists.remove("bounces", "a+b/c@x.org"))
        address = f"{PATH}/bounces/a%2Bb%2Fc%40x.org"
        self.assertEqual(self.asked(), [("GET", address), ("DELETE", address)])

    def test_an_address_that_is_on_no_list_is_no_failure(self):
        for words in (
            "Address not found in bounces table",
            "No spam complaints found for this address",
            "Address not found in unsubscribers table",
        ):
            self.mailgun.answer(404, {"message": words})
            self.assertIsNone(self.lists.find("complaints", "a@x.org"))
            self.mailgun.answer(404, {"message": words})
            self.assertFalse(self.lists.remove("complaints", "a@x.org"))

    def test_a_domain_that_is_not_known_is_a_failure(self):
        self.mailgun.answer(404, {"message": "Domain not found"})
        with self.assertRaisesRegex(SettingError, "does not know the domain"):
            self.lists.find("bounces", "a@x.org")

    def test_a_whole_list_is_never_removed(self):
        for name in ("", "nobody"):
            with self.assertRaises(ValueError):
                self.lists.remove("bounces", name)
        self.assertEqual(self.asked(), [])

    def test_many_addresses_are_added_by_one_call(self):
        self.mailgun.answer(200, {"message": "2 addresses have been added"})
        self.lists.unsubscribe(["a@x.org", "b@x.org"])
        (seen,) = self.mailgun.seen
        self.assertEqual((seen.method, seen.path), ("POST", f"{PATH}/unsubscribes"))
        self.assertEqual(seen.headers["Content-Type"], "application/json")
        self.assertIn(b'{"address": "b@x.org", "tags": ["*"]}', seen.body)


@tagged("mailgun_tools")
class TestReading(ManagementCase):
    def page(self, *times, following=""):
        items = [Suppression(f"{at}@x.org", at) for at in times]
        return Page(tuple(items), following)

    def times(self, reading, page):
        """When those were added that a reading finds new on a page."""
        return [one.created_at for one in reading.new_in(page)]

    def after(self, reading, page):
        """The reading once a page is read, its new entries not dealt with yet."""
        return reading.after(page, reading.new_in(page))

    def read(self, began, *times):
        """The reading of a list that is complete and dealt with."""
        reading = self.after(Reading().begin(began), self.page(*times))
        return reading.without(len(reading.left))

    def test_everything_is_new_the_first_time(self):
        self.assertEqual(self.times(Reading(), self.page(0, 5)), [0, 5])

    def test_what_an_earlier_reading_knew_is_not_new(self):
        reading = self.read(10_000, 0, 5_000, 9_900)
        self.assertEqual(self.times(reading, self.page(0, 5_000, 9_900)), [])

    def test_what_came_while_a_list_was_read_is_new_to_the_next(self):
        page = self.page(5_000, 10_050, 30_000)
        self.assertEqual(self.times(self.read(10_000, 5_000), page), [10_050, 30_000])

    def test_a_clock_that_is_late_hides_nothing(self):
        reading = self.read(10_000, 5_000)
        self.assertEqual(self.times(reading, self.page(5_000, 9_500)), [9_500])

    def test_an_entry_that_is_made_anew_is_new(self):
        page = Page((Suppression("9900@x.org", 10_100),))
        self.assertEqual(self.times(self.read(10_000, 9_900), page), [10_100])

    def test_a_reading_goes_on_where_it_was_interrupted(self):
        first = self.page(5_000, 9_900, following="/next")
        reading = self.after(Reading().begin(10_000), first)
        reading = Reading.load(reading.store())
        self.assertEqual((reading.next, reading.since), ("/next", 0))
        reading = self.after(reading.begin(20_000), self.page(7_000))
        self.assertEqual((reading.next, reading.since, reading.began), ("", 10_000, 0))
        self.assertEqual(self.times(reading, self.page(9_900, 10_001)), [10_001])

    def test_what_is_left_survives_and_is_dealt_with_in_its_order(self):
        reading = self.after(Reading().begin(10_000), self.page(1, 2, 3))
        busy = reading.left[:1]
        reading = Reading.load(reading.without(2, busy).store())
        self.assertEqual([one.created_at for one in reading.left], [3, 1])

    def test_a_reading_that_is_stuck_begins_at_the_first_page(self):
        reading = self.read(10_000, 5_000).begin(20_000)
        reading = self.after(reading, self.page(15_000, following="/gone")).afresh()
        self.assertEqual((reading.next, reading.began, reading.since), ("", 0, 10_000))

    def test_of_strangers_nothing_is_remembered(self):
        page = self.page(9_900)
        reading = Reading().begin(10_000).after(page, [])
        self.assertEqual((reading.known, reading.left), ((), ()))

    def test_what_is_known_stays_known_as_long_as_it_may_look_new(self):
        page = self.page(9_900)
        reading = self.read(10_000, 9_900)
        for began in (10_100, 10_200):
            self.assertEqual(self.times(reading, page), [])
            reading = self.after(reading.begin(began), page)

    def test_a_list_can_be_read_once_more_as_if_all_were_new(self):
        reading = self.read(10_000, 5_000).forgetful()
        self.assertEqual(self.times(reading, self.page(5_000)), [5_000])
