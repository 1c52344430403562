"""What taking a mail costs when the journal is short, and when it is long."""

import argparse
import statistics
import time

import requests
from mailgun_sandbox.traffic import signing

from ..demo import demo_settings, demo_stage
from ..demo.demo_stage import DOMAIN, SIGNING_KEY, Stage
from ..machine.steps import Steps

SHORT, LONG = 1_000, 100_000
ROUNDS = 3
MAX_RATIO = 1.1

_FILL = """
INSERT INTO mailgun_inbound_email
            (domain_id, token, message_id, sender, recipient, state, attempt_count,
             next_attempt_at, create_date)
     SELECT domain.id, 'bench-' || number, '<bench-' || number || '@example.org>',
            'customer@example.org', 'sales@' || domain.name,
            (ARRAY['done', 'done', 'done', 'done', 'ignored', 'unrouted', 'failed'])
                [1 + number %% 7],
            1, now(), now() - number * interval '10 seconds'
       FROM generate_series(1, %s) AS number, mailgun_domain AS domain
      WHERE domain.name = %s
"""
_EMPTY = "DELETE FROM mailgun_inbound_email WHERE token LIKE 'bench-%'"


def measure(steps: Steps, arguments: argparse.Namespace) -> bool:
    """Post mails to a short and to a long journal, in turns.

    :return: whether the long one costs at most ``MAX_RATIO`` times the short one
    """
    times = {SHORT: [], LONG: []}
    with demo_stage.running(steps) as stage:
        demo_settings.apply(steps, stage)
        _post(stage, arguments.mails // 4)
        for _round in range(ROUNDS):
            for rows, found in times.items():
                _fill(stage, rows)
                found += _post(stage, arguments.mails)
        stage.rows(_EMPTY)
    medians = {rows: statistics.median(found) for rows, found in times.items()}
    for rows, found in times.items():
        ninth = statistics.quantiles(found, n=10)[8]
        steps.say(
            f"{rows:>7} rows: p50 {medians[rows] * 1000:.1f} ms, "
            f"p90 {ninth * 1000:.1f} ms, {len(found)} mails"
        )
    ratio = medians[LONG] / medians[SHORT]
    steps.say(f"the long journal costs {ratio:.2f} times (at most {MAX_RATIO})")
    return ratio <= MAX_RATIO


def _fill(stage: Stage, rows: int) -> None:
    stage.rows(_EMPTY)
    stage.rows(_FILL, rows, DOMAIN)
    stage.rows("ANALYZE mailgun_inbound_email")


def _post(stage: Stage, mails: int) -> list[float]:
    """Post mails one after the other; return the seconds until each was answered."""
    found = []
    with requests.Session() as session:
        session.trust_env = False
        for _mail in range(mails):
            form = _form()
            started = time.perf_counter()
            answer = session.post(f"{stage.url}/mailgun/inbound/mime", data=form)
            found.append(time.perf_counter() - started)
            answer.raise_for_status()
    return found


def _form() -> dict[str, str | bytes]:
    signed = signing.sign(SIGNING_KEY)
    # Nobody has this address, so that routing makes no records and stays the same.
    recipient = f"nobody@{DOMAIN}"
    mime = (
        f"From: customer@example.org\r\nTo: {recipient}\r\nSubject: Bench\r\n"
        f"Message-Id: <{signed['token']}@example.org>\r\n\r\nHello\r\n"
    )
    return {
        **signed,
        "recipient": recipient,
        "sender": "customer@example.org",
        "body-mime": mime,
    }
