"""What is used of Odoo's server and its scheduler without being promised.

Each of these fails when core does it in another way, and says which file relies on it.
"""

import logging
import resource
import signal
import threading
import time
from unittest.mock import patch

from werkzeug.test import EnvironBuilder
from werkzeug.wrappers import Request

from odoo.http import HTTPRequest
from odoo.service.server import PreforkServer, ThreadedServer, Worker, WorkerCron
from odoo.tests import TransactionCase, tagged

from odoo.addons.mail.models import mail_mail
from odoo.addons.mail_mailgun.models.outgoing.core_log import (
    CORE_LOGGER,
    WaitingIsNoError,
)
from odoo.addons.mail_mailgun.models.outgoing.ledger import LedgerConnection
from odoo.addons.mail_mailgun.models.transactions import server
from odoo.addons.mail_mailgun.models.transactions.budget import Budget


@tagged("post_install", "-at_install")
class TestServer(TransactionCase):
    def running(self, kind):
        """Let this process be one that runs a server of ``kind``, for a while."""
        running = kind.__new__(kind)
        running.quit_signals_received, running.alive = 0, True
        handler = signal.signal(signal.SIGINT, running.signal_handler)
        self.addCleanup(signal.signal, signal.SIGINT, handler)
        return running

    def on_main_thread(self):
        if threading.current_thread() is not threading.main_thread():
            self.skipTest("signals are handled by the main thread")

    def test_a_threaded_server_that_is_to_end_says_so(self):
        self.on_main_thread()
        running = self.running(ThreadedServer)
        self.assertIs(server.server(), running)
        self.assertFalse(server.is_stopping() or Budget().is_over)
        with self.assertRaises(KeyboardInterrupt):
            running.signal_handler(signal.SIGTERM, None)
        self.assertTrue(server.is_stopping() and Budget().is_over)
        self.assertFalse(Budget().is_used_up)

    def test_a_worker_that_is_to_end_says_so(self):
        self.on_main_thread()
        for kind in (Worker, WorkerCron):
            running = self.running(kind)
            self.assertFalse(server.is_stopping())
            running.signal_handler(signal.SIGINT, None)
            self.assertTrue(server.is_stopping())

    def test_a_worker_is_watched_by_a_pipe(self):
        for attribute in ("pipe_ping", "pipe_new"):
            self.assertTrue(hasattr(PreforkServer, attribute))
        self.assertIn("watchdog_pipe", Worker.__init__.__code__.co_names)

    def test_the_time_of_a_thread_counts_from_its_start(self):
        for runs in (ThreadedServer.cron_thread, ThreadedServer.process_limit):
            codes = [runs.__code__, *runs.__code__.co_consts]
            self.assertTrue(
                any("start_time" in getattr(code, "co_names", ()) for code in codes)
                or any(code == "start_time" for code in codes)
            )
        thread = threading.current_thread()
        with patch.object(thread, "start_time", time.time() - 100, create=True):
            self.assertAlmostEqual(server.seconds_running(), 100, delta=5)

    def test_the_ledger_commits_each_statement(self):
        connection = LedgerConnection(self.registry)
        cursor = connection._open()
        try:
            self.assertTrue(cursor._cnx.autocommit)
            numbers = set()
            for _statement in range(2):
                cursor.execute("SELECT pg_current_xact_id()::text")
                numbers.add(cursor.fetchone())
            self.assertEqual(len(numbers), 2)
        finally:
            cursor._cnx.autocommit = False
            cursor.close()

    def test_runs_that_were_killed_are_counted_where_they_are_forgiven(self):
        cron = self.env.ref("mail.ir_cron_mail_scheduler_action")
        _cron, progress = cron._add_progress(timed_out_counter=1)
        self.assertEqual(progress.timed_out_counter, 2)

    def test_core_logs_a_mail_that_failed_where_waiting_is_let_through(self):
        self.assertEqual(mail_mail._logger.name, CORE_LOGGER)
        filters = logging.getLogger(CORE_LOGGER).filters
        self.assertEqual(sum(isinstance(one, WaitingIsNoError) for one in filters), 1)
        names = mail_mail.MailMail._send.__code__.co_names
        self.assertTrue({"_logger", "exception"} <= set(names))

    def test_the_body_of_a_request_is_behind_what_odoo_passes_on(self):
        builder = EnvironBuilder(method="POST", data=b"body", content_type="text/plain")
        request = HTTPRequest(builder.get_environ())
        self.assertFalse(hasattr(request, "stream"), "then it needs no way around")
        self.assertIsInstance(request.get_data.__self__, Request)
        self.assertEqual(request.get_data.__self__.stream.read(), b"body")


@tagged("post_install", "-at_install")
class TestBudget(TransactionCase):
    def test_time_is_used_up(self):
        self.assertTrue(Budget(0).is_used_up)
        self.assertFalse(Budget(60).is_used_up)

    def test_cpu_is_used_up_before_the_limit(self):
        usage = resource.getrusage(resource.RUSAGE_SELF)
        used = int(usage.ru_utime + usage.ru_stime)
        limits = resource.getrlimit(resource.RLIMIT_CPU)
        self.addCleanup(resource.setrlimit, resource.RLIMIT_CPU, limits)
        resource.setrlimit(resource.RLIMIT_CPU, (used + 600, limits[1]))
        budget = Budget()
        self.assertFalse(budget.is_used_up)
        self.assertLess(budget._cpu_until, used + 600 - 5)
        budget._cpu_until = used
        self.assertTrue(budget.is_used_up)

    def test_a_job_has_what_its_limit_leaves(self):
        started = time.monotonic() - 10_000
        late = Budget.of_server({"cron_id": 1, "cron_end_time": started})
        self.assertTrue(late.is_used_up)
        now = Budget.of_server({"cron_id": 1, "cron_end_time": time.monotonic() + 10})
        self.assertFalse(now.is_used_up)
