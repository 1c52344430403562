from odoo.tests import BaseCase, tagged

from odoo.addons.mail_mailgun.tools.api.retry_hint import retry_at

NOW = 1_640_000_000.0
NEW_YEAR = 1_640_995_200.0
LIMIT = "Domain x is not allowed to send: request limit exceeded, try again after "


@tagged("mailgun_tools")
class TestRetryHint(BaseCase):
    def hint(self, detail="", body=None, **headers):
        headers = {name.replace("_", "-"): text for name, text in headers.items()}
        return retry_at(detail, body, headers, NOW)

    def test_a_date_in_words_is_understood(self):
        for zone in (" UTC", " GMT", " +0000", "", " UTC."):
            with self.subTest(zone=zone):
                words = f"{LIMIT}Sat, 01 Jan 2022 00:00:00{zone}"
                self.assertEqual(self.hint(words), NEW_YEAR)

    def test_seconds_minutes_and_hours_are_understood(self):
        for words, seconds in (("120 seconds", 120), ("2 min", 120), ("1.5h", 5400)):
            with self.subTest(words=words):
                self.assertEqual(self.hint(LIMIT + words), NOW + seconds)

    def test_headers_are_understood_in_all_their_units(self):
        self.assertEqual(self.hint(Retry_After="60"), NOW + 60)
        date = "Sat, 01 Jan 2022 00:00:00 GMT"
        self.assertEqual(self.hint(Retry_After=date), NEW_YEAR)
        self.assertEqual(self.hint(X_RateLimit_Reset="1640995200000"), NEW_YEAR)
        self.assertEqual(self.hint(X_RateLimit_Reset="1640995200.0"), NEW_YEAR)

    def test_a_field_of_the_answer_is_understood(self):
        self.assertEqual(self.hint(body={"retry-seconds": 60}), NOW + 60)

    def test_what_says_nothing_gives_no_hint(self):
        for words in ("", "try again", f"{LIMIT}Someday", f"{LIMIT}Xyz, 99 00:00:00"):
            with self.subTest(words=words):
                self.assertEqual(self.hint(words), 0)
        self.assertEqual(self.hint(body=[1], X_RateLimit_Reset="soon"), 0)

    def test_a_time_that_has_passed_is_no_hint(self):
        self.assertEqual(self.hint(X_RateLimit_Reset="1600000000"), 0)
