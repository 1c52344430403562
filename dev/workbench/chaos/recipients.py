"""``dev/chaos recipients``: one mail, three aliases, three posts at one instant."""

import time
from argparse import Namespace

from ..demo import demo_stage
from ..demo.demo_stage import Stage
from ..machine.ports import free_port
from ..machine.steps import Steps
from . import census, journal, log_kinds, poster, settings
from .letters import ALIASES, Desk, Letter

# Until then a mail may have waited for an attempt or two.
_PATIENCE = 480


def play(steps: Steps, arguments: Namespace) -> bool:
    """Run against each kind of server; tell whether all was well."""
    return all([_against(steps, arguments, workers) for workers in arguments.workers])


def server_options(workers: int) -> list[str]:
    """Return Odoo's arguments for so many processes; 0 = threads of one."""
    if not workers:
        return []
    return ["--workers", str(workers), "--gevent-port", str(free_port())]


def kind_of(workers: int) -> str:
    """Return the kind of server in words."""
    return f"{workers} workers" if workers else "threaded"


def _against(steps: Steps, arguments: Namespace, workers: int) -> bool:
    options = server_options(workers)
    with demo_stage.running(steps, f"chaos-{workers}", options) as stage:
        settings.apply(steps, stage)
        good = [
            _run(steps, stage, arguments, f"{kind_of(workers)}, run {number}")
            for number in range(1, arguments.runs + 1)
        ]
        log_kinds.show(steps, stage)
        return all(good)


def _run(steps: Steps, stage: Stage, arguments: Namespace, name: str) -> bool:
    desk = Desk()
    letters = [_letter(desk, number) for number in range(arguments.mails)]
    wanted = sum(letter.records for letter in letters)
    started = time.monotonic()
    refused = poster.together(stage.url, letters, arguments.at_once)
    posted = time.monotonic() - started
    steps.wait_for(
        f"{wanted} records",
        lambda: census.records(stage, letters) >= wanted,
        _PATIENCE,
    )
    routed = time.monotonic() - started
    journal.settle(steps, stage)
    found = census.take(stage, letters)
    bounces = census.bounces(stage, letters)
    steps.say(name)
    steps.found(
        mails=len(letters),
        records=f"{found.records} of {wanted}",
        messages=found.messages,
        lost=len(found.lost),
        doubled=len(found.doubled),
        bounces=bounces,
        posts_refused=refused,
        invalid_aliases=census.invalid_aliases(stage),
        all_posted=f"after {posted:.1f} s",
        all_routed=f"after {routed:.1f} s",
    )
    for words in (*found.lost, *found.doubled):
        steps.say(words)
    return not (found.lost or found.doubled or bounces or refused)


def _letter(desk: Desk, number: int) -> Letter:
    """Write to all aliases, each time another of them in To, in Cc and in Bcc."""
    turn = number % len(ALIASES)
    to, cc, bcc = ALIASES[turn:] + ALIASES[:turn]
    return desk.new(to, cc, [bcc])
