import random
from unittest.mock import patch
from urllib.parse import quote, unquote_to_bytes

from odoo.tests import BaseCase, tagged

from odoo.addons.mail_mailgun.tools.errors import MalformedPayload
from odoo.addons.mail_mailgun.tools.mime import forms

URLENCODED = "application/x-www-form-urlencoded"
EVERY_BYTE = bytes(range(256)) * 3


def urlencoded(body):
    return forms.parse_form(body, URLENCODED)


def multipart(*parts, boundary="frontier"):
    """Make and parse a form of (name, filename or None, bytes)."""
    body = b""
    for name, filename, data in parts:
        file = f'; filename="{filename}"' if filename is not None else ""
        head = f'Content-Disposition: form-data; name="{name}"{file}'
        body += f"--{boundary}\r\n{head}\r\n\r\n".encode() + data + b"\r\n"
    body += f"--{boundary}--\r\n".encode()
    return forms.parse_form(body, f"multipart/form-data; boundary={boundary}")


@tagged("mailgun_tools")
class TestForms(BaseCase):
    def test_every_byte_survives_in_both_encodings(self):
        quoted = quote(EVERY_BYTE).encode()
        self.assertEqual(urlencoded(b"a=" + quoted).value("a"), EVERY_BYTE)
        self.assertEqual(multipart(("a", None, EVERY_BYTE)).value("a"), EVERY_BYTE)

    def test_a_file_survives_byte_for_byte(self):
        (file,) = multipart(("attachment-1", "a.bin", EVERY_BYTE)).files
        self.assertEqual((file.filename, file.data), ("a.bin", EVERY_BYTE))

    def test_unquoting_is_what_the_standard_library_does(self):
        source = random.Random(1)
        alphabet = b"%%%=+a0fGz \n\r_.\xe9"
        for step in (3, 1024):
            with patch.object(forms, "_STEP", step):
                for _round in range(2000):
                    value = bytes(source.choices(alphabet, k=source.randrange(30)))
                    self.assertEqual(
                        urlencoded(b"a=" + value).value("a"),
                        unquote_to_bytes(value.replace(b"+", b" ")),
                    )

    def test_blanks_empty_values_and_missing_signs_are_read_as_browsers_do(self):
        form = urlencoded(b"a=1+2&b=&c&&%64=%2B&e=x=y")
        self.assertEqual(form.names(), ["a", "b", "c", "d", "e"])
        values = [form.text(name) for name in form.names()]
        self.assertEqual(values, ["1 2", "", "", "+", "x=y"])

    def test_the_last_of_repeated_fields_counts(self):
        self.assertEqual(urlencoded(b"token=1&token=2").text("token"), "2")

    def test_names_differ_by_case(self):
        form = urlencoded(b"Recipient=forged&recipient=true")
        self.assertEqual(form.text("recipient"), "true")

    def test_an_array_is_not_the_field(self):
        self.assertIsNone(urlencoded(b"token[]=1&token%5B0%5D=2").text("token"))

    def test_a_file_is_not_the_field_but_its_content_can_be_had(self):
        form = multipart(("body-mime", "mail.eml", b"x"))
        self.assertIsNone(form.text("body-mime"))
        self.assertEqual(form.content("body-mime"), b"x")

    def test_what_is_absent_is_none(self):
        form = urlencoded(b"")
        self.assertIsNone(form.text("a"))
        self.assertIsNone(form.content("a"))

    def test_text_that_is_not_utf8_is_readable_all_the_same(self):
        self.assertEqual(
            urlencoded(b"subject=caf%E9").text("subject"),
            "caf\N{REPLACEMENT CHARACTER}",
        )

    def test_a_part_that_holds_something_like_a_boundary_stays_whole(self):
        data = b"\r\n--frontie\r\n--\r\n\r\n--other--"
        self.assertEqual(multipart(("a", None, data)).value("a"), data)

    def test_a_field_larger_than_a_step_stays_whole(self):
        data = EVERY_BYTE * 8192
        self.assertEqual(multipart(("a", None, data)).value("a"), data)

    def test_what_is_no_form_or_broken_is_refused(self):
        head = b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n'
        for content_type, body in [
            ("", b""),
            ("text/plain", b"a=1"),
            ("multipart/form-data", head),
            ("multipart/form-data; boundary=" + "x" * 71, head),
            ("multipart/form-data; boundary=é", head),
            ("multipart/form-data; boundary=x", b""),
            ("multipart/form-data; boundary=x", b"nonsense"),
            ("multipart/form-data; boundary=x", head + b"cut off"),
            ("multipart/form-data; boundary=x", b"--x\r\nno header\r\n\r\n1\r\n--x--"),
        ]:
            with self.subTest(content_type=content_type, body=body):
                with self.assertRaises(MalformedPayload):
                    forms.parse_form(body, content_type)

    def test_a_name_that_nobody_asks_for_is_passed_over(self):
        long = b"%41" * 1_000_000
        with patch.object(forms, "_unquote", side_effect=forms._unquote) as unquote:
            form = urlencoded(long + b"=1&" + long + b"&token=2")
        self.assertEqual(form.names(), ["token"])
        self.assertEqual(unquote.call_count, 1)

    def test_a_value_longer_than_it_may_be_is_none(self):
        form = urlencoded(b"token=" + b"%41" * 100)
        self.assertEqual(form.text("token", 300), "A" * 100)
        with patch.object(forms, "_unquote_piece") as unquote:
            self.assertIsNone(form.text("token", 299))
            self.assertFalse(unquote.called)

    def test_an_empty_part_may_share_a_line_end(self):
        head = b'--x\r\nContent-Disposition: form-data; name="%s"\r\n\r\n'
        body = head % b"a" + head % b"b" + b"\r\n" + head % b"c" + b"1\r\n--x--"
        form = forms.parse_form(body, "multipart/form-data; boundary=x")
        values = {name: form.value(name) for name in "abc"}
        self.assertEqual(values, {"a": b"", "b": b"", "c": b"1"})

    def test_what_stands_before_and_behind_the_parts_is_not_read(self):
        part = b'Content-Disposition: form-data; name="a"\r\n\r\n1\r\n'
        body = b"before\r\n--x\t \r\n" + part + b"--x--\r\n--x\r\nbehind"
        form = forms.parse_form(body, "multipart/form-data; boundary=x")
        self.assertEqual((form.names(), form.value("a")), (["a"], b"1"))

    def test_a_part_says_in_any_way_what_it_is(self):
        head = (
            b"content-type: text/plain\r\n"
            b"CONTENT-DISPOSITION: form-data;\r\n name=a;\r\n"
            b"\tfilename*=utf-8''caf%C3%A9.txt"
        )
        body = b"--x\r\n" + head + b"\r\n\r\n1\r\n--x--"
        (file,) = forms.parse_form(body, "multipart/form-data; boundary=x").files
        found = (file.name, file.filename, file.content_type, file.data)
        self.assertEqual(found, ("a", "café.txt", "text/plain", b"1"))

    def test_a_part_whose_head_has_no_end_is_refused(self):
        part = b'--x\r\nContent-Disposition: form-data; name="a%s"\r\n\r\n1\r\n--x--'
        for name in (b"a" * 10_000, b"a" * 10_000_000):
            with self.assertRaisesRegex(MalformedPayload, "head"):
                forms.parse_form(part % name, "multipart/form-data; boundary=x")

    def test_a_flood_of_lines_that_nearly_separate_is_refused(self):
        head = b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n'
        with self.assertRaisesRegex(MalformedPayload, "2000"):
            body = head + b"\r\n--xx" * 1_000_000 + b"\r\n--x--"
            forms.parse_form(body, "multipart/form-data; boundary=x")

    def test_a_flood_of_fields_is_refused(self):
        with self.assertRaisesRegex(MalformedPayload, "2000"):
            urlencoded(b"a=1&" * 2001)
        with self.assertRaisesRegex(MalformedPayload, "2000"):
            multipart(*[("a", None, b"")] * 2001)
