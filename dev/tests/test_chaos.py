"""What ``dev/chaos out`` makes of what it finds."""

import unittest

from workbench.chaos.tally import Tally, untrue

ARRIVED = {"ann@customer.test", "bob@customer.test"}
BOTH = ["ann@customer.test", "bob@customer.test"]
ONE_OF_TWO = ["ann@customer.test", "eve@customer.test"]


class TestUntrue(unittest.TestCase):
    def test_what_left_and_arrived_is_true(self):
        said = [("mail", "sent", BOTH), ("delivery", "delivered", BOTH[:1])]
        self.assertEqual(untrue(said, ARRIVED), [])

    def test_what_failed_and_did_not_arrive_is_true(self):
        said = [("mail", "exception", ["eve@customer.test"])]
        self.assertEqual(untrue(said, ARRIVED), [])

    def test_sent_without_arriving_is_untrue(self):
        found = untrue([("mail", "sent", ONE_OF_TWO)], ARRIVED)
        self.assertEqual(found, ["mail sent: ann@customer.test, eve@customer.test"])

    def test_arrived_and_shown_otherwise_is_untrue(self):
        for kind, state in [
            ("mail", "exception"),
            ("mail", "cancel"),
            ("mail", "outgoing"),
            ("notification", "bounce"),
            ("delivery", "sending"),
            ("delivery", "failed"),
        ]:
            with self.subTest(kind=kind, state=state):
                self.assertEqual(len(untrue([(kind, state, BOTH)], ARRIVED)), 1)

    def test_one_untrue_state_is_too_many(self):
        for found, is_good in ([], True), (["mail sent: eve@customer.test"], False):
            tally = Tally(1, {"sent": 1}, {}, [], [], found)
            self.assertIs(tally.is_good, is_good)
            self.assertEqual(tally.figures()["untrue"], str(len(found)))
