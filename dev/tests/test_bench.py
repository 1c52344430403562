"""What ``dev/bench out`` makes of its measurements."""

import contextlib
import io
import unittest

from workbench.bench import outbound_report, ways
from workbench.bench.ways import Way
from workbench.machine.steps import Steps

KEPT = {
    ways.CORE_NEAR: 40.0,
    ways.CORE_FAR: 2.3,
    ways.NEAR: 42.0,
    ways.FAR: 38.0,
    ways.CORE_IDLE: 46.0,
    ways.IDLE: 90.0,
}


def report(**changed):
    """Print a report of one round; return the verdict and the text."""
    rates = {way: [rate] for way, rate in KEPT.items()}
    rates |= {getattr(ways, name): found for name, found in changed.items()}
    with contextlib.redirect_stdout(io.StringIO()) as out:
        verdict = outbound_report.show(Steps(), rates)
    return verdict, out.getvalue()


class TestReport(unittest.TestCase):
    def test_all_promises_are_kept(self):
        verdict, text = report()
        self.assertTrue(verdict, text)
        self.assertNotIn("NOT REACHED", text)
        self.assertRegex(text, r"\n +100 ms +2\.3 +38\.0\n +\(16\.52\)")

    def test_each_promise_that_is_not_kept_is_named(self):
        for name, rate in [
            ("CORE_FAR", 2.6),
            ("CORE_NEAR", 43.0),
            ("CORE_IDLE", 50.0),
            ("FAR", 35.0),
        ]:
            with self.subTest(name):
                verdict, text = report(**{name: [rate]})
                self.assertFalse(verdict, text)
                self.assertEqual(text.count("NOT REACHED"), 1, text)

    def test_rates_of_one_round_are_compared(self):
        # In the second round the machine was busy with something else.
        fast_and_slow = {"NEAR": [42.0, 21.0, 42.0], "CORE_NEAR": [40.0, 20.0, 41.0]}
        verdict, text = report(**fast_and_slow)
        self.assertTrue(verdict, text)
        self.assertIn(" 1.05 times, at least 1.0", text)


class TestWays(unittest.TestCase):
    def test_a_slow_way_is_measured_with_few_mails(self):
        slow, fast = ways.CORE_FAR.mails, ways.FAR.mails
        self.assertEqual((slow, fast), (20, 400))

    def test_each_way_is_measured_once_at_least(self):
        self.assertEqual(len(set(ways.ALL)), 4 + 4 * 6 + 1 + 6)
        self.assertLessEqual(set(ways.JUDGED), set(ways.ALL))
        self.assertIn(Way(ways.MODULE, 20, 16), ways.ALL)
