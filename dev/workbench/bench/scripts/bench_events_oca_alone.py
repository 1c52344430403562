"""For ``odoo shell``: OCA's method for each event; ``bench`` logs the seconds."""

import json
import logging
import os
import time
from pathlib import Path

events = json.loads(Path(json.loads(os.environ["MAILGUN_BENCH"])["events"]).read_text())
tracking = env["mail.tracking.email"].sudo()
started = time.perf_counter()
for event in events:
    tracking._mailgun_event_process(event, {})
    env.cr.commit()
seconds = time.perf_counter() - started
logging.getLogger("bench").info("%s", json.dumps(seconds))
if tracking.env["mail.tracking.event"].search_count([]) < len(events):
    raise RuntimeError("the events were not taken")
