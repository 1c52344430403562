import io
import threading
import time
from unittest.mock import Mock

from odoo.tests import BaseCase, tagged

from odoo.addons.mail_mailgun.tools.bodies import Bodies, NoRoom, joined

KIB = 1024


@tagged("mailgun_tools")
class TestBodies(BaseCase):
    def setUp(self):
        super().setUp()
        self.bodies = Bodies(most=1000 * KIB, free=100 * KIB, patience=0.2)

    def read(self, size):
        return self.bodies.read(io.BytesIO(bytes(size)))

    def test_chunks_are_joined_whatever_was_said_of_their_length(self):
        for most in (0, 3, 6, 1000):
            self.assertEqual(joined([b"ab", b"", b"cdef"], most), b"abcdef")
        self.assertEqual(joined([], 100), b"")

    def test_a_body_is_read_byte_for_byte(self):
        data = bytes(range(256)) * 5000
        with self.bodies.read(io.BytesIO(data)) as body:
            self.assertEqual(body, data)

    def test_what_finds_no_room_is_told_so(self):
        with self.read(1000 * KIB):
            with self.assertRaises(NoRoom):
                with self.read(600 * KIB):
                    self.fail("it was read")
            # Nothing of what was turned away is left.
            with self.read(200 * KIB):
                pass

    def test_small_bodies_always_find_room(self):
        with self.read(1100 * KIB), self.read(100 * KIB), self.read(100 * KIB):
            pass

    def test_a_body_that_is_alone_may_have_any_size(self):
        with self.read(5000 * KIB) as body:
            self.assertEqual(len(body), 5000 * KIB)

    def test_room_is_given_back_whatever_happens(self):
        for _time in range(3):
            with self.assertRaises(ZeroDivisionError):
                with self.read(1000 * KIB):
                    raise ZeroDivisionError
        with self.read(500 * KIB), self.read(500 * KIB):
            pass

    def test_whoever_waits_gets_the_room_of_another_that_goes(self):
        patient = self.bodies = Bodies(1000 * KIB, 0, patience=30)
        entered, sizes = threading.Event(), []

        def wait():
            entered.set()
            with patient.read(io.BytesIO(bytes(800 * KIB))) as body:
                sizes.append(len(body))

        thread = threading.Thread(target=wait)
        with self.read(900 * KIB):
            thread.start()
            entered.wait()
            time.sleep(0.05)
            self.assertFalse(sizes)
        thread.join(10)
        self.assertEqual(sizes, [800 * KIB])

    def test_what_was_announced_and_did_not_come_takes_no_room(self):
        arriving = threading.Event()
        chunks = iter([bytes(10 * KIB)])
        slow = Mock(read=lambda _size: next(chunks, b"") or arriving.wait(30) and b"")

        def hold():
            with self.bodies.read(slow):
                pass

        thread = threading.Thread(target=hold)
        thread.start()
        with self.read(500 * KIB), self.read(500 * KIB):
            arriving.set()
        thread.join(10)
