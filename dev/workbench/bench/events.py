"""What an event costs: a route that does nothing, this module, OCA's, side by side."""

import argparse
import itertools
import json
import math

from ..machine import paths
from ..machine.steps import StepFailed, Steps
from . import event_stage
from .event_posts import DOMAIN, EVENTS_OF_A_MAIL, Lane, events, race
from .event_stage import LONG, OCA, OURS, EventStage

_WARM_UP = 30
# OCA's method is called for events of its own: each is taken once only.
_ALONE = 300
# Recipients of the big message.
_COPIES = 1000

_FILL = """
INSERT INTO mailgun_event
            (domain_id, event_id, event, recipient, message_id, occurred_at, day, state,
             create_date)
     SELECT domain.id, substr(md5('id' || number), 1, 22), 'delivered',
            'customer' || number || '@customer.test',
            '<old.' || number || '@' || domain.name || '>', moment, moment::date,
            'done', moment
       FROM generate_series(1, %s) AS number,
            LATERAL (SELECT now() AT TIME ZONE 'UTC' - number * interval '5 seconds')
                 AS at(moment),
            mailgun_domain AS domain
      WHERE domain.name = %s
"""


def measure(steps: Steps, arguments: argparse.Namespace) -> bool:
    """Post events to all in turns, then apply them.

    :return: whether everything is as promised
    """
    posted = _mails(_WARM_UP + arguments.posts)
    with event_stage.running(steps, posted + _mails(_ALONE)) as stage:
        steps.say(f"{arguments.rows:,} rows for the long table ...")
        stage.execute(LONG, _FILL, arguments.rows, DOMAIN)
        stage.execute(LONG, "VACUUM ANALYZE mailgun_event")
        with stage.serving() as url:
            floor, ours, long, oca = lanes = _lanes(arguments.rows)
            steps.say(f"{arguments.posts} events to each, in turns ...")
            race(url, lanes, _WARM_UP, arguments.posts)
        _check(stage, _WARM_UP + arguments.posts)
        steps.say("applying them ...")
        applied = _apply(stage, _WARM_UP + arguments.posts)
        alone = _call_oca(stage, posted + 1)
        separate, together = _apply_big(stage)
    steps.say("until an event is answered:")
    for lane in lanes:
        _row(lane.name, f"{lane.rate:5.0f}/s", lane.median, lane.slow)
    inline = oca.median - floor.median
    steps.say("what an event does in Odoo:")
    _row("this module, in the cron", f"{1 / applied:5.0f}/s", applied)
    _row(f"one of {_COPIES} messages", f"{1 / separate:5.0f}/s", separate)
    _row(f"one of a message to {_COPIES}", f"{1 / together:5.0f}/s", together)
    _row("OCA, in its answer", f"{1 / inline:5.0f}/s", inline)
    _row("OCA, its method alone", f"{1 / alone:5.0f}/s", alone)
    steps.say("promised:")
    kept = [
        _at_most("an answer, to doing nothing", ours.median / floor.median, 1.3),
        _at_most("an answer, to OCA's", ours.median / oca.median, 1),
        _at_most("the long table, to the short", long.median / ours.median, 1.1),
        _at_most("applying, to OCA's answer", applied / inline, 1 / 3),
        _at_most("one message to many, to many", together / separate, 1.2),
    ]
    return all(kept)


def _mails(count: int) -> int:
    """Return how many mails tell so many events."""
    return math.ceil(count / EVENTS_OF_A_MAIL)


def _lanes(rows: int) -> list[Lane]:
    return [
        Lane("a route that does nothing", OURS, "/bench/floor", _reference),
        Lane("this module", OURS, "/mailgun/events", _reference),
        Lane(f"this module, {rows:,} rows", LONG, "/mailgun/events", _reference),
        Lane("OCA", OCA, "/mail/tracking/mailgun/all", _oca_variables),
    ]


def _reference(number: int) -> dict[str, str]:
    # What stands before the point is who has sent it; nothing is anybody.
    return {"odoo": f".bench-{number}"}


def _oca_variables(number: int) -> dict[str, str]:
    return {"odoo_db": OCA, "tracking_email_id": str(number)}


def _check(stage: EventStage, posts: int) -> None:
    """Make sure that every event was taken.

    :raise StepFailed: they were not
    """
    new = "SELECT count(*) FROM mailgun_event WHERE state = 'pending'"
    stored = {
        "this module": stage.value(OURS, new),
        "this module, the long table": stage.value(LONG, new),
        "OCA": stage.value(OCA, "SELECT count(*) FROM mail_tracking_event"),
    }
    for name, count in stored.items():
        if count != posts:
            raise StepFailed(f"{name} has {count} of {posts} events")


def _apply(stage: EventStage, posts: int) -> float:
    """Apply all that was posted; return the seconds for one event.

    :raise StepFailed: they were not applied to deliveries
    """
    seconds = stage.run_script(OURS, "bench_events_apply")
    done = "SELECT count(*) FROM mailgun_event WHERE state = 'done'"
    if (count := stage.value(OURS, done)) != posts:
        raise StepFailed(f"{count} of {posts} events were applied")
    return seconds / posts


def _apply_big(stage: EventStage) -> tuple[float, float]:
    """Apply events of many messages, and of one message to as many.

    :return: the seconds that an event takes, the least of several turns
    """
    told = {"domain": DOMAIN, "copies": _COPIES, "turns": 3}
    seconds = stage.run_script(OURS, "bench_events_big", **told)
    return min(seconds["separate"]), min(seconds["together"])


def _call_oca(stage: EventStage, first: int) -> float:
    """Call OCA's method in a loop; return the seconds for one event.

    :param first: number of the first mail whose events were not posted
    """
    told = paths.STATE / "bench-events.json"
    fresh = itertools.islice(events(first, _oca_variables), _ALONE)
    told.write_text(json.dumps(list(fresh)))
    seconds = stage.run_script(OCA, "bench_events_oca_alone", events=str(told))
    told.unlink()
    return seconds / _ALONE


def _row(name: str, rate: str, median: float, slow: float | None = None) -> None:
    tail = f", 95 % {slow * 1000:5.1f} ms" if slow else ""
    print(f"            {name:<30}{rate:>9}  p50 {median * 1000:5.1f} ms{tail}")


def _at_most(what: str, ratio: float, limit: float) -> bool:
    kept = ratio <= limit
    verdict = "" if kept else "   NOT REACHED"
    print(f"            {what:<30}{ratio:5.2f} times, at most {limit:.2f}{verdict}")
    return kept
