import threading
from concurrent.futures import ThreadPoolExecutor

from odoo.tests import BaseCase, tagged

from odoo.addons.mail_mailgun.tools.turns import Turns

# Longer than any test waits, so that nobody loses patience by accident.
_ENDLESS = 30
_SOON = 0.05


@tagged("mailgun_tools")
class TestTurns(BaseCase):
    def setUp(self):
        super().setUp()
        self.pool = self.enterContext(ThreadPoolExecutor())
        self.began = threading.Event()

    def compute(self, turns):
        with turns.join().taken():
            self.began.set()

    def test_who_is_too_many_waits_until_somebody_has_ended(self):
        turns = Turns(2, _ENDLESS)
        with turns.join().taken():
            with turns.join().taken():
                self.pool.submit(self.compute, turns)
                self.assertFalse(self.began.wait(_SOON))
            self.assertTrue(self.began.wait(_ENDLESS))

    def test_who_waits_for_the_network_lets_another_compute(self):
        turns = Turns(1, _ENDLESS)
        turn = turns.join()
        with turn.taken():
            self.pool.submit(self.compute, turns)
            self.assertFalse(self.began.wait(_SOON))
            with turn.given():
                self.assertTrue(self.began.wait(_ENDLESS))

    def test_a_turn_that_was_given_away_is_taken_again(self):
        turns = Turns(1, _ENDLESS)
        turn = turns.join()
        with turn.taken():
            with turn.given():
                pass
            self.pool.submit(self.compute, turns)
            self.assertFalse(self.began.wait(_SOON))

    def test_who_waits_for_too_long_goes_on_without(self):
        turns = Turns(1, _SOON)
        with turns.join().taken():
            self.pool.submit(self.compute, turns)
            self.assertTrue(self.began.wait(_ENDLESS))
