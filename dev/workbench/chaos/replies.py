"""``dev/chaos replies``: a reply with aliases in Bcc, its posts in every order."""

import itertools
from argparse import Namespace

from ..demo import demo_stage
from ..demo.demo_stage import Stage
from ..machine.steps import Steps
from . import census, journal, poster, settings
from .letters import CATCHALL, CONTACTS, SALES, SERVICE, Desk, Letter
from .recipients import kind_of, server_options

_BCC = (SALES, CONTACTS)
# Of the posts of one mail.
_PACES = ("each after the last was routed", "one after the other", "all at once")


def play(steps: Steps, arguments: Namespace) -> bool:
    """Run against each kind of server; tell whether all was well."""
    return all([_against(steps, workers) for workers in arguments.workers])


def open_thread(steps: Steps, stage: Stage, desk: Desk) -> Letter:
    """Write a mail that others answer."""
    first = desk.new(SERVICE)
    poster.together(stage.url, [first])
    steps.wait_for("the first mail", lambda: census.records(stage, [first]))
    return first


def _against(steps: Steps, workers: int) -> bool:
    options = server_options(workers)
    with demo_stage.running(steps, f"chaos-{workers}", options) as stage:
        settings.apply(steps, stage)
        desk = Desk()
        first = open_thread(steps, stage, desk)
        letters = [
            _answer(steps, stage, desk.reply(first, _BCC), order, pace)
            for pace in _PACES
            for order in itertools.permutations((CATCHALL, *_BCC))
        ]
        journal.settle(steps, stage)
        return _judge(steps, stage, kind_of(workers), letters)


def _answer(
    steps: Steps, stage: Stage, letter: Letter, order: tuple[str, ...], pace: str
) -> Letter:
    if pace == "all at once":
        poster.together(stage.url, [letter])
        return letter
    with poster.session() as http:
        for recipient in order:
            poster.post(stage.url, letter, recipient, http)
            if pace == _PACES[0]:
                journal.settle(steps, stage)
    return letter


def _judge(steps: Steps, stage: Stage, name: str, letters: list[Letter]) -> bool:
    found = census.take(stage, letters)
    bounces = census.bounces(stage, letters)
    steps.say(f"{name}: replies with {len(_BCC)} aliases in Bcc, in every order")
    steps.found(
        replies=len(letters),
        records=f"{found.records} of {sum(one.records for one in letters)}",
        messages=f"{found.messages} of {sum(one.messages for one in letters)}",
        lost=len(found.lost),
        doubled=len(found.doubled),
        bounces=bounces,
    )
    for words in (*found.lost, *found.doubled):
        steps.say(words)
    return not (found.lost or found.doubled or bounces)
