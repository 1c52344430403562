import threading

from odoo.tests import BaseCase, tagged

from odoo.addons.mail_mailgun.tools.throttle import Throttle


@tagged("mailgun_tools")
class TestThrottle(BaseCase):
    def setUp(self):
        super().setUp()
        self.runs = []
        self.second_run = threading.Event()

    def run_once(self):
        self.runs.append(threading.current_thread())
        if len(self.runs) == 2:
            self.second_run.set()

    def test_the_first_call_acts_at_once(self):
        Throttle(60, self.run_once).call()
        self.assertEqual(self.runs, [threading.current_thread()])

    def test_further_calls_act_once_when_the_interval_ends(self):
        throttle = Throttle(0.2, self.run_once)
        for _call in range(5):
            throttle.call()
        self.assertEqual(len(self.runs), 1)
        self.assertTrue(self.second_run.wait(10))
        self.runs[1].join(10)
        self.assertEqual(len(self.runs), 2)

    def test_the_interval_begins_again_with_each_run(self):
        throttle = Throttle(0.2, self.run_once)
        throttle.call()
        throttle.call()
        self.assertTrue(self.second_run.wait(10))
        throttle.call()
        self.assertEqual(len(self.runs), 2)

    def test_after_a_quiet_interval_a_call_acts_at_once_again(self):
        throttle = Throttle(0, self.run_once)
        throttle.call()
        throttle.call()
        self.assertEqual(self.runs, [threading.current_thread()] * 2)
