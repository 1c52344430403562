import threading
from contextlib import contextmanager, nullcontext

from odoo.tests import BaseCase, tagged

from odoo.addons.mail_mailgun.tools.scales import Scales


@tagged("mailgun_tools")
class TestScales(BaseCase):
    def setUp(self):
        super().setUp()
        self.scales = Scales(10)
        self.waits = threading.Event()
        self.carries = threading.Event()

    @contextmanager
    def waiting(self):
        self.waits.set()
        yield

    def carry(self, weight):
        with self.scales.carrying(weight, self.waiting):
            self.carries.set()

    def another(self, weight):
        thread = threading.Thread(target=self.carry, args=(weight,))
        thread.start()
        self.addCleanup(thread.join)

    def test_what_fits_is_carried_at_the_same_time(self):
        with self.scales.carrying(6, nullcontext):
            self.carry(4)
        self.assertFalse(self.waits.is_set())

    def test_what_is_too_heavy_together_waits(self):
        with self.scales.carrying(6, nullcontext):
            self.another(5)
            self.assertTrue(self.waits.wait(5))
            self.assertFalse(self.carries.is_set())
        self.assertTrue(self.carries.wait(5))

    def test_what_is_too_heavy_for_all_is_carried_alone(self):
        with self.scales.carrying(1, nullcontext):
            self.another(99)
            self.assertTrue(self.waits.wait(5))
            self.assertFalse(self.carries.is_set())
        self.assertTrue(self.carries.wait(5))

    def test_what_ends_with_an_error_weighs_nothing_any_more(self):
        with self.assertRaises(ZeroDivisionError):
            with self.scales.carrying(99, nullcontext):
                raise ZeroDivisionError
        self.carry(10)
        self.assertFalse(self.waits.is_set())
