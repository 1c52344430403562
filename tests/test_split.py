import email
import email.policy
import random

from odoo.tests import BaseCase, tagged

from odoo.addons.mail_mailgun.tools.mime.split import after_empty_line, split

# What mails have at the beginning of a line, and what could be taken for a header.
LINES = (
    b"From: a",
    b"Subject: x",
    b"To:",
    b"X-A:b",
    b"Content-Type: text/plain",
    b" folded",
    b"\t",
    b"",
    b"From ",
    b"From a@b Tue",
    b"From",
    b": y",
    b":",
    b"no header",
    b"a b: c",
    b"\xe9:x",
    b"\x0b:x",
    b"\x7f: x",
    b"\x0cform",
    b"x\x85y: z",
    b"\x1c: q",
)
ENDS = (b"\r\n", b"\n", b"\r")
HEADS = 60_000


def heads():
    """Yield what could stand at the beginning of a mail; always the same."""
    numbers = random.Random(1)
    for _number in range(HEADS):
        lines = []
        for line in numbers.choices(LINES, k=numbers.randint(0, 8)):
            odd = numbers.choices(b" :\t\0aF\xe9-", k=numbers.randint(0, 3))
            end = numbers.choice(ENDS)
            lines += [line, bytes(odd) if numbers.random() < 0.2 else b"", end]
        yield b"".join(lines) + (b"text" if numbers.random() < 0.3 else b"")


def python_splits(raw):
    """Return headers and text as Python's parser finds them."""
    mail = email.message_from_bytes(raw, policy=email.policy.compat32)
    fields = [(name.lower(), value) for name, value in mail.raw_items()]
    return fields, mail.get_payload(decode=True)


def we_split(raw):
    fields, where = split(raw)
    pairs = []
    for _name, data in fields:
        text = data.decode("ascii", "surrogateescape")
        name, _colon, value = text.partition(":")
        pairs.append((name.lower(), value.lstrip(" \t").rstrip("\r\n")))
    return pairs, raw[after_empty_line(raw, where) :]


@tagged("mailgun_tools")
class TestSplit(BaseCase):
    def test_headers_and_text_are_those_that_python_finds(self):
        for raw in heads():
            fields, text = python_splits(raw)
            ours, our_text = we_split(raw)
            self.assertEqual(ours, fields, raw)
            if our_text.startswith(b"From ") and our_text != text:
                # The last header is no header: Python loses the empty line below it.
                text, our_text = (_without_empty_line(one) for one in (text, our_text))
            self.assertEqual(our_text, text, raw)


def _without_empty_line(text):
    line = text.splitlines(keepends=True)[0]
    return line + text[len(line) :].lstrip(b"\r\n")
