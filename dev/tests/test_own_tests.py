"""What ``dev/test`` makes of tests: found, chosen, counted, told of."""

import tempfile
import textwrap
import unittest
from pathlib import Path
from types import SimpleNamespace

from workbench.checks import odoo_tests, own_tests
from workbench.servers.odoo_log import Reader

TESTS = """
import unittest

class TestEnds(unittest.TestCase):
    def test_passes(self):
        pass

    def test_fails(self):
        self.fail("as it should")

    def test_fails_in_parts(self):
        for number in range(3):
            with self.subTest(number):
                self.fail(f"part {number}")

    def test_cannot_be_checked(self):
        self.skipTest("no moon tonight")

class TestNotSetUp(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        raise RuntimeError("nothing is ready")

    def test_never_begins(self):
        pass

class TestInherits(TestEnds):
    def test_of_its_own(self):
        pass

class TestRunsWhatItInherits(TestInherits):
    allow_inherited_tests_method = True
"""
LOG = """
2026-01-01 00:00:00,000 1 INFO db {tests}.test_x: Starting TestX.test_passes ...
2026-01-01 00:00:00,000 1 INFO db {tests}.test_x: Starting TestX.test_fails ...
2026-01-01 00:00:00,000 1 ERROR db {tests}.test_x: FAIL: TestX.test_fails
AssertionError: 1 != 2
2026-01-01 00:00:00,000 1 INFO db {tests}.test_x: Starting TestX.test_in_parts ...
2026-01-01 00:00:00,000 1 ERROR db {tests}.test_x: FAIL: Subtest TestX.test_in_parts (1)
2026-01-01 00:00:00,000 1 INFO db {tests}.test_x: Starting TestX.test_is_skipped ...
2026-01-01 00:00:00,000 1 INFO db {tests}.test_x: skipped TestX.test_is_skipped : why
2026-01-01 00:00:00,000 1 ERROR db {suite}: ERROR: setUpClass ({tests}.test_y.TestY)
2026-01-01 00:00:00,000 1 WARNING db odoo.addons.mail: not ours
""".format(tests="odoo.addons.mail_mailgun.tests", suite="odoo.tests.suite")


class Heard:
    """Takes a report's place, and keeps what it is told."""

    def __init__(self):
        self.said, self.counts = [], {"passed": 0, "failed": 0, "skipped": 0}

    def passed(self, _what, count=1):
        self.counts["passed"] += count

    def failed(self, what, text, count=1):
        self.said.append((what, text))
        self.counts["failed"] += count

    def skipped(self, what, reason, count=1):
        self.said.append((what, reason))
        self.counts["skipped"] += count

    def say(self, _text):
        pass

    alive = say


class TestPlainTests(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.file = Path(folder.name, f"test_{Path(folder.name).name}.py")
        self.file.write_text(TESTS)
        self.heard = Heard()

    def run_tests(self, wanted=lambda item: True):
        return own_tests.run(self.heard, wanted, [self.file])

    def test_each_test_counts_once_however_it_ends(self):
        ended = self.run_tests()
        # One class says that it runs what it inherits, another does not.
        self.assertEqual(self.heard.counts, {"passed": 4, "failed": 5, "skipped": 2})
        self.assertEqual(len(ended), 11)

    def test_what_went_wrong_is_said(self):
        self.run_tests()
        said = "\n".join(f"{what}: {text}" for what, text in self.heard.said)
        for words in ("as it should", "part 0", "part 2", "nothing is ready"):
            self.assertIn(words, said)
        self.assertIn("test_cannot_be_checked: no moon tonight", said)

    def test_only_what_is_wanted_runs(self):
        self.run_tests(lambda item: item.nodeid.endswith("TestEnds::test_passes"))
        self.assertEqual(self.heard.counts, {"passed": 1, "failed": 0, "skipped": 0})

    def test_a_class_of_which_nothing_runs_is_a_failure(self):
        self.file.write_text(f"{TESTS}\nclass TestNothing(TestEnds):\n    pass\n")
        self.run_tests()
        self.assertIn("TestNothing", "\n".join(what for what, _text in self.heard.said))

    def test_a_file_that_cannot_be_read_is_a_failure(self):
        self.file.write_text("import nothing_of_this_name")
        self.run_tests()
        self.assertEqual(self.heard.counts, {"passed": 0, "failed": 1, "skipped": 0})

    def test_a_name_that_means_no_test_is_given_back_and_nothing_runs(self):
        unknown = own_tests.run_named(self.heard, ["TestPlainTests", "TestNobody"])
        self.assertEqual(unknown, {"TestNobody"})
        self.assertEqual(self.heard.counts, {"passed": 0, "failed": 0, "skipped": 0})


class TestTestsInOdoo(unittest.TestCase):
    """What is made of Odoo's log."""

    def setUp(self):
        self.run_of = odoo_tests._Run(Heard(), odoo_tests.MAIL)
        self.troubles = []
        reader = Reader(self.see)
        for line in textwrap.dedent(LOG).lstrip().splitlines(keepends=True):
            reader.feed(line)
        reader.close()

    def see(self, record):
        if not self.run_of._claims(record) and record.is_trouble:
            self.troubles.append(record.text.strip())

    def outcome(self, name, module="test_x"):
        class_name, method = name.split(".")
        test_class = type(class_name, (), {})
        test_class.__module__ = f"odoo.addons.mail_mailgun.tests.{module}"
        return self.run_of.outcome(SimpleNamespace(cls=test_class, name=method))

    def test_each_one_ends_as_the_log_says(self):
        self.assertEqual(self.outcome("TestX.test_passes"), ("passed", ""))
        self.assertEqual(self.outcome("TestX.test_is_skipped"), ("skipped", "why"))
        for name in ("TestX.test_fails", "TestX.test_in_parts"):
            self.assertEqual(self.outcome(name)[0], "failed")
        self.assertIn("1 != 2", self.outcome("TestX.test_fails")[1])

    def test_a_class_that_is_not_set_up_fails_with_its_tests(self):
        self.assertEqual(self.outcome("TestY.test_a", "test_y")[0], "failed")

    def test_a_test_that_odoo_does_not_know_is_a_failure(self):
        outcome, text = self.outcome("TestX.test_in_a_file_that_nobody_imports")
        self.assertEqual(outcome, "failed")
        self.assertIn("Odoo did not run it", text)

    def test_a_warning_that_no_test_expects_is_trouble(self):
        self.assertEqual(self.troubles, ["not ours"])
