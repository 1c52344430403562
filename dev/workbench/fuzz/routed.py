"""What must become of a mail, whatever it is."""

import collections
import hashlib
import itertools
import time

from mailgun_sandbox.traffic import forms, signing

from . import wire
from .judge import Broken, Judge
from .letters import RECIPIENT, Letter
from .posts import INBOUND, RAW
from .stage import SIGNING_KEY, Stage

_SECONDS = 60
_ROW = """
    SELECT state, concat_ws(E'\\n', error, error_detail), mended, mail_message_id, id
      FROM mailgun_inbound_email WHERE token = %s"""
# Held files count: they are kept, and a person gets them.
_FILES = """
    SELECT checksum FROM ir_attachment JOIN message_attachment_rel
           ON attachment_id = ir_attachment.id WHERE message_id = %s
     UNION ALL
    SELECT checksum FROM ir_attachment JOIN mailgun_held_attachment AS held
           ON res_model = 'mailgun.held.attachment' AND res_id = held.id
     WHERE inbound_email_id = %s"""
_BODY = "SELECT body FROM mail_message WHERE id = %s"
_numbers = itertools.count(1)


class Postman:
    """Posts letters, has them routed, and looks at what they became.

    :param stage: where
    :param judge: looks at the log
    """

    def __init__(self, stage: Stage, judge: Judge):
        self._stage = stage
        self._judge = judge
        #: How many ended in which state, and of how many something was mended.
        self.ends: collections.Counter = collections.Counter()
        self.mended: collections.Counter = collections.Counter()

    def deliver(self, letter: Letter, is_raw: bool) -> None:
        """Post a letter to a route, and see what becomes of it.

        :param is_raw: to a route that posts MIME; else Mailgun has taken it apart
        :raise Broken: it was refused, has failed, or has lost something
        """
        number = next(_numbers)
        token = f"letter-{number}"
        signed = signing.sign(SIGNING_KEY, str(int(time.time())), token)
        body, kind = _body(letter, number, signed, is_raw)
        path = RAW if is_raw else INBOUND
        headers = {"Content-Type": kind.encode()}
        status = wire.send(self._stage.address, path, headers, body)
        problems = [] if status == 200 else [f"the answer was {status}"]
        if status == 200:
            problems += self._problems(letter, number, token, is_raw)
        for record in self._judge.new_records():
            if record.level in ("ERROR", "CRITICAL") or "\n" in record.text.rstrip():
                problems.append(f"this was logged: {record}")
        if problems:
            mail = letter.raw(number) if is_raw else letter.fields(number)
            raise Broken("\n".join([*problems, repr(mail)]))

    def _problems(self, letter, number, token, is_raw):
        found = self._end(token)
        if not found and letter.is_torn:
            # Sender, date, subject and Message-Id of another one are left of it.
            self.ends["known"] += 1
            return []
        if not found:
            return ["there is no row of it"]
        state, error, mended, message, row = found
        self.ends[state] += 1
        self.mended.update((mended or "").split(", ") if mended else ())
        if state == "done" and message:
            missing = self._missing(letter, number, message, row, is_raw)
            return [f"{one}; mended: {mended}" for one in missing]
        if state in ("failed", "pending", "done") or not error:
            return [f"the mail is {state}: {error}"]
        return []

    def _end(self, token):
        until = time.monotonic() + _SECONDS
        while True:
            found = next(iter(self._stage.rows(_ROW, token)), None)
            if not found or found[0] != "pending" or time.monotonic() > until:
                return found
            time.sleep(0.02)

    def _missing(self, letter, number, message, row, is_raw):
        """Say what of a letter is neither in its message nor attached to it."""
        found = {checksum for (checksum,) in self._stage.rows(_FILES, message, row)}
        if is_raw and _checksum(letter.raw(number)) in found:
            return
        for data in letter.files:
            if _checksum(data) not in found:
                yield f"a file is missing: {data!r}"
        text = self._stage.value(_BODY, message) or ""
        for word in letter.words:
            if word not in text:
                yield f"“{word}” is missing in {text[:500]}"


def _body(letter, number, signed, is_raw):
    envelope = {"recipient": RECIPIENT, "sender": f"customer{number}@example.org"}
    fields = [(name, value.encode()) for name, value in {**envelope, **signed}.items()]
    if is_raw:
        kind, body = forms.urlencode([*fields, ("body-mime", letter.raw(number))])
        return body, kind
    files = []
    for name, value, filename in letter.fields(number):
        if filename is None:
            fields.append((name.decode(), value))
        else:
            file = forms.File(name.decode(), filename.decode(), "a/b", value)
            files.append(file)
    kind, body = forms.multipart(fields, files)
    return body, kind


def _checksum(data):
    # As Odoo writes it (ir_attachment.py, _compute_checksum).
    return hashlib.sha1(data).hexdigest()  # noqa: S324
