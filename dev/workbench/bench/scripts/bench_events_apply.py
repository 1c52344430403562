"""For ``odoo shell``: apply all events as the cron does; ``bench`` logs the seconds."""

import json
import logging
import time

started = time.perf_counter()
env["mailgun.event"]._process_queue()
seconds = time.perf_counter() - started
logging.getLogger("bench").info("%s", json.dumps(seconds))
