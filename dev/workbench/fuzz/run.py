"""Thousands of posts, then what they left, then what they weigh (``dev/test fuzz``)."""

import itertools
from collections.abc import Callable

import hypothesis
from hypothesis import HealthCheck, Phase, Verbosity
from hypothesis import strategies as st

from ..machine.report import Report
from ..servers.sentences import TROUBLES, Subject, Wrong, check, same
from . import letters, weight
from . import stage as stages
from .judge import Broken, Judge
from .posts import PATHS, posts
from .routed import Postman
from .stage import Stage

SHORT, LONG = 300, 20_000
#: Of which the same posts are made again.
SEED = 1
# Some are spam, from a colleague, or of the same Message-Id.
_USUALLY_DONE = 0.8

_QUEUES = (
    "env['mailgun.inbound.email']._process_queue()",
    "env['mailgun.event']._process_queue()",
)
_UNFINISHED = """
    SELECT (SELECT count(*) FROM mailgun_inbound_email
             WHERE state = 'pending' AND attempt_count = 0)
         + (SELECT count(*) FROM mailgun_event WHERE state = 'pending')
"""
_TOKENS = """
    SELECT token FROM mailgun_used_token
     UNION SELECT token FROM mailgun_inbound_email
"""
_ORPHANS = """
    SELECT (SELECT count(*) FROM mailgun_event)
         - (SELECT count(*) FROM mailgun_used_token)
"""


def run(report: Report) -> None:
    """Post a little, and check what is promised."""
    run_long(report, SHORT, SEED, [_post_all, _weigh, _route_letters])


def run_long(report: Report, count: int, seed: int, parts: list[Callable]) -> None:
    """Post, and check what is promised.

    :param count: how many posts, and how many letters
    :param seed: other numbers make other ones
    :param parts: of ``PARTS``
    """
    try:
        with stages.running(report) as stage:
            for part in parts:
                part(report, stage, count, seed)
    except TROUBLES as error:
        report.failed("everything starts", f"{type(error).__name__}: {error}")


def _weigh(report: Report, stage: Stage, count: int, _seed: int) -> None:
    subjects = [weight.QUICK, *([weight.THOROUGH] if count == LONG else [])]
    for sentence in itertools.chain(*(one.sentences for one in subjects)):
        check(report, stage, sentence)


def _route_letters(report: Report, stage: Stage, count: int, seed: int) -> None:
    stage.restart(slots=1)
    postman = Postman(stage, Judge(stage))
    report.say(f"{count} letters of seed {seed} ...")

    def deliver(letter, is_raw):
        report.alive(f"{postman.ends.total()} letters")
        postman.deliver(letter, is_raw or letter.is_torn)

    given = hypothesis.given(letters.letters, st.booleans())
    problems = _search(given(deliver), count, seed)
    report.check(
        f"{postman.ends.total()} letters: all are taken, none fails, and each file "
        "and each word of it is in its message or attached to it",
        problems,
    )
    for what, found in (("ended", postman.ends), ("mended", postman.mended)):
        text = ", ".join(f"{count} × {name}" for name, count in found.most_common())
        report.say(f"{what}: {text}")
    done = postman.ends["done"] / max(postman.ends.total(), 1)
    few = "" if done > _USUALLY_DONE else f"{done:.0%} became messages"
    report.check("Most letters become messages", few)


def _post_all(report: Report, stage: Stage, count: int, seed: int) -> None:
    judge = Judge(stage)
    report.say(f"{count} posts of seed {seed} ...")
    given = hypothesis.given(posts())
    problems = _search(given(_counted(report, judge)), count, seed)
    answers = judge.answers
    report.check(
        f"{answers.total()} posts: no answer of 5xx, no traceback, nothing believed "
        "that is not signed",
        problems,
    )
    for path in PATHS:
        found = {status: answers[path, status] for status in _statuses(answers)}
        report.say(f"{path}: " + ", ".join(f"{n} × {s}" for s, n in found.items() if n))
    afterwards = Subject("afterwards")

    @afterwards.says
    def nothing_unsigned_has_left_a_row(stage: Stage) -> None:
        """Each row was brought by a signature that was good."""
        strange = {token for (token,) in stage.rows(_TOKENS)} - judge.tokens
        same("tokens of others", strange, set())
        same("events without a token", max(stage.value(_ORPHANS), 0), 0)

    @afterwards.says
    def what_was_taken_is_routed(stage: Stage) -> None:
        """All that was taken is dealt with, and no traceback is logged for it."""
        _deal_with_all(report, stage)
        for record in judge.new_records():
            if record.level in ("ERROR", "CRITICAL") or "Traceback" in record.text:
                raise Wrong(str(record))

    for sentence in afterwards.sentences:
        check(report, stage, sentence)


def _search(test: Callable, count: int, seed: int) -> str:
    """Let ``hypothesis`` look for what breaks a promise; say what it is.

    :param test: what ``hypothesis.given`` returned
    """
    wanted = hypothesis.settings(
        max_examples=count,
        database=None,
        deadline=None,
        verbosity=Verbosity.quiet,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
        report_multiple_bugs=False,
        print_blob=False,
    )
    try:
        hypothesis.seed(seed)(wanted(test))()
    except Broken as error:
        return str(error)
    except hypothesis.errors.Flaky as error:
        return f"broken once, and not when the same was posted again: {error}"
    return ""


def _counted(report: Report, judge: Judge) -> Callable:
    def post(post):
        report.alive(f"{judge.answers.total()} posts")
        try:
            judge.post(post)
        except TimeoutError as error:
            raise Broken(f"there was no answer within a minute: {post!r}") from error

    return post


def _deal_with_all(report: Report, stage: Stage) -> None:
    left = None
    while (now := stage.value(_UNFINISHED)) and now != left:
        left = now
        report.alive(f"{left} to be routed or applied")
        for queue in _QUEUES:
            stage.inside(queue)
    same("mails and events that nobody takes up", now, 0)


def _statuses(answers) -> list[int | None]:
    return sorted({status for _path, status in answers}, key=str)


#: What a long run is made of, by name.
PARTS = {"posts": [_post_all, _weigh], "letters": [_route_letters]}
