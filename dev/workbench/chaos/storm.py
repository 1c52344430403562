"""``dev/chaos in``: mail keeps coming while Odoo is killed and PostgreSQL crashes."""

import random
import time
from argparse import Namespace

from ..demo import demo_stage
from ..demo.demo_stage import Stage
from ..machine import postgres
from ..machine.steps import StepFailed, Steps
from . import census, journal, log_kinds, settings
from .letters import CONTACTS, SALES, SERVICE, Desk, Letter
from .recipients import kind_of, server_options
from .replies import open_thread
from .writer import Writer

# Seconds after which the local Mailgun repeats a post that was not taken.
_SCHEDULE = "1,1,2,2,3,3,5,5,5,5,10,10,10,10,20,20,20,20,30,30"
_THREADS = 4
_KILL, _CRASH = "Odoo is killed", "PostgreSQL crashes"
_PATIENCE = 240


def play(steps: Steps, arguments: Namespace) -> bool:
    """Raise the storm, wait until it is over, count; tell whether all was well."""
    steps.say(f"{kind_of(arguments.workers)}, --seed {arguments.seed}")
    options = server_options(arguments.workers)
    retries = ["--retry-schedule", _SCHEDULE]
    with demo_stage.running(steps, "chaos-in", options, retries) as stage:
        settings.apply(steps, stage)
        chance = random.Random(arguments.seed)
        letters = _letters(steps, stage, arguments.mails, chance)
        started = time.monotonic()
        writer = Writer(stage.sandbox.url, letters, random.Random(chance.random()))
        writer.start()
        _strike(steps, stage, writer, arguments, chance)
        _calm(steps, stage, writer)
        _repeat_later(steps, stage, writer)
        steps.say(f"{journal.waiting(stage)} rows are still to be routed")
        journal.settle(steps, stage)
        seconds = time.monotonic() - started
        steps.say("the storm is over")
        steps.found(kills=arguments.kills, crashes=arguments.crashes)
        return _judge(steps, stage, letters, writer, seconds)


def _letters(
    steps: Steps, stage: Stage, count: int, chance: random.Random
) -> list[Letter]:
    """Write to an alias, to three, in a thread, in a thread with an alias in Bcc."""
    desk = Desk()
    threads = [open_thread(steps, stage, desk) for _ in range(_THREADS)]
    makers = (
        lambda: desk.new(chance.choice((SALES, CONTACTS))),
        lambda: desk.new(SALES, SERVICE, [CONTACTS]),
        lambda: desk.reply(chance.choice(threads)),
        lambda: desk.reply(chance.choice(threads), [CONTACTS]),
    )
    return [chance.choice(makers)() for _ in range(count)]


def _strike(
    steps: Steps,
    stage: Stage,
    writer: Writer,
    arguments: Namespace,
    chance: random.Random,
) -> None:
    """Kill and crash at random moments, spread over all mails."""
    blows = [_KILL] * arguments.kills + [_CRASH] * arguments.crashes
    chance.shuffle(blows)
    moments = sorted(chance.sample(range(arguments.mails), len(blows)))
    for moment, blow in zip(moments, blows, strict=True):
        while writer.is_alive() and writer.written < moment:
            time.sleep(0.01)
        time.sleep(chance.random())
        _revive(steps, stage)
        steps.say(f"{blow} at mail {writer.written}")
        if blow == _KILL:
            stage.odoo.kill()
            stage.odoo.start(steps)
        else:
            postgres.crash()


def _revive(steps: Steps, stage: Stage) -> None:
    """Start Odoo again when it gave up, as a service manager does.

    The master of the workers ends when PostgreSQL is away at the wrong moment.
    """
    if stage.odoo.has_ended():
        steps.say("Odoo has ended by itself, it is started again")
        stage.odoo.stop()
        stage.odoo.start(steps)


def _calm(steps: Steps, stage: Stage, writer: Writer) -> None:
    """Wait until everything is written, and Odoo has taken every post."""
    writer.join()
    if writer.error:
        raise StepFailed(f"the local Mailgun refused a mail: {writer.error}")
    steps.wait_for("Odoo to take every post", lambda: _is_calm(steps, stage), _PATIENCE)


def _is_calm(steps: Steps, stage: Stage) -> bool:
    _revive(steps, stage)
    return all(
        post["next_at"] is None and post["outcome"] != "waiting"
        for post in _posts(stage)
    )


def _repeat_later(steps: Steps, stage: Stage, writer: Writer) -> None:
    """Let posts come once more when their mail was routed long ago."""
    wanted = len(_answers(stage)) + writer.repeat_some()
    steps.wait_for(
        "the repeated posts",
        lambda: len(_answers(stage)) >= wanted and _is_calm(steps, stage),
        _PATIENCE,
    )


def _answers(stage: Stage) -> list[int]:
    return [attempt["status"] for post in _posts(stage) for attempt in post["attempts"]]


def _posts(stage: Stage) -> list[dict]:
    return [post for post in stage.sandbox.posts() if post["shape"] != "event"]


def _judge(
    steps: Steps, stage: Stage, letters: list[Letter], writer: Writer, seconds: float
) -> bool:
    found = census.take(stage, letters)
    answers = _answers(stage)
    not_taken = sum(post["outcome"] != "taken" for post in _posts(stage))
    bounces = census.bounces(stage, letters)
    rows = journal.rows(stage, letters)
    steps.found(
        mails=len(letters),
        posts_made=f"{len(answers)}, {answers.count(200)} of them taken",
        repeated=f"{writer.repeated} with the same signature",
        signed_again=writer.signed_again,
        not_taken=not_taken,
        journal_rows=", ".join(f"{count} {state}" for state, count in rows.items()),
        records=f"{found.records} of {sum(one.records for one in letters)}",
        messages=f"{found.messages} of {sum(one.messages for one in letters)}",
        lost=len(found.lost),
        doubled=len(found.doubled),
        bounces=bounces,
        seconds=f"{seconds:.1f}",
    )
    log_kinds.show(steps, stage)
    for words in (*found.lost, *found.doubled):
        steps.say(words)
    return not (found.lost or found.doubled or not_taken or bounces)
