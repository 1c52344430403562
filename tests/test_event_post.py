import json

from odoo.tests import BaseCase, tagged

from odoo.addons.mail_mailgun.tools.errors import MalformedPayload
from odoo.addons.mail_mailgun.tools.event_post import domain_of, event_of, read_event

# What stands where something else belongs, in one event of Mailgun's or another.
ODD = (None, "", "text", 0, -1, 1e300, 10**400, True, [], [1], {}, {"a": None})
FIELDS = (
    "id",
    "event",
    "timestamp",
    "severity",
    "reason",
    "recipient",
    "message",
    "user-variables",
    "delivery-status",
    "storage",
    "domain",
)


@tagged("mailgun_tools")
class TestEventPost(BaseCase):
    def kept(self, keep=False, **values):
        found = event_of({"event": "opened", **values}, keep)
        self.assertEqual(json.loads(found.payload_json), found.payload)
        return found.payload

    def test_odd_values_do_no_harm(self):
        for name in FIELDS:
            for odd in ODD:
                with self.subTest(name=name, odd=str(odd)[:20]):
                    payload = {"event-data": {"event": "delivered", name: odd}}
                    domain_of(payload)
                    found = read_event(payload)
                    self.assertIn(name, found.payload)
                    self.assertTrue(0 < found.occurred_at <= 4102444800)

    def test_what_is_no_event_is_refused(self):
        for odd in (*ODD, {"event-data": None}, {"event-data": [{}]}):
            with self.subTest(odd=str(odd)[:20]):
                with self.assertRaises(MalformedPayload):
                    read_event(odd)

    def test_what_postgresql_does_not_take_is_left_out(self):
        odd = {"a\0": "\0x\ud800", "b": [float("nan")], "c": float("inf")}
        kept = self.kept(**{"user-variables": odd})["user-variables"]
        self.assertEqual(kept, {"a": "x?", "b": [None], "c": None})

    def test_other_characters_stay(self):
        for text in ("é", "日本", "😀", "\\u0000", "NaN"):
            self.assertEqual(self.kept(tags=[text])["tags"], [text])

    def test_a_text_is_cut_where_an_index_could_not_take_it(self):
        message = {"headers": {"message-id": "é" * 5000}}
        found = event_of({"id": "é" * 5000, "message": message})
        self.assertEqual((len(found.event_id), len(found.message_id)), (500, 500))

    def test_an_event_without_an_id_is_told_from_others_by_its_content(self):
        one, again, other = (
            event_of({"event": "accepted", "timestamp": 5, "tags": tags}).event_id
            for tags in ([], [], ["a"])
        )
        self.assertEqual(one, again)
        self.assertNotEqual(one, other)

    def test_what_never_ends_is_refused(self):
        value = []
        for _level in range(100_000):
            value = [value]
        with self.assertRaisesRegex(MalformedPayload, "too deeply"):
            event_of({"tags": value})

    def test_the_reader_is_left_out(self):
        client = {
            "bot": "apple",
            "client-type": "browser",
            "device-type": "mobile",
            "client-name": "Mobile Safari",
            "client-os": "iOS",
            "user-agent": "Mozilla/5.0 (iPhone)",
            "screen": "large",
        }
        place = {"city": "San Antonio"}
        told = {"ip": "192.0.2.1", "geolocation": place, "client-info": client}
        self.assertEqual(
            self.kept(**told),
            {
                "event": "opened",
                "client-info": {
                    "bot": "apple",
                    "client-type": "browser",
                    "device-type": "mobile",
                },
            },
        )
        self.assertEqual(self.kept(keep=True, **told), {"event": "opened", **told})

    def test_a_reader_told_in_another_shape_is_left_out_as_well(self):
        for odd in ("Mozilla/5.0", ["Mozilla/5.0"], None, 5):
            self.assertEqual(self.kept(**{"client-info": odd}), {"event": "opened"})
