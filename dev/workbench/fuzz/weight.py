"""What posts weigh while they are answered: memory, and connections of the database."""

import contextlib
import itertools
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import requests
from mailgun_sandbox.traffic import signing

from ..servers.sentences import NotChecked, Subject, same, true
from . import heavy, wire
from .heavy import MIB, RAW_FILE, SMALL, Heavy
from .posts import JSON, PATHS, RAW
from .stage import DATABASE, SIGNING_KEY, Stage

#: What every run checks, and what only a long one does.
QUICK, THOROUGH = Subject("weight"), Subject("weight")

# How many times its body a post may make the process grow.
_UNTIL_ANSWER = 4
# And until its mail is routed; Odoo's gateway alone takes up to 12.
_UNTIL_ROUTED = 8
# By so much it may grow whatever is posted: caches, threads, what is not given back.
_SLACK = 16 * MIB
# Of large posts that come at once 128 MiB are held (see Limits in
# docs/administrator.rst); twice as much may lie between them, where others have grown.
_TOGETHER = 3 * 128 * MIB
_SLOW = 30
# Odoo's pool has 64 connections.
_HELD_IN_TRANSACTION = """
    SELECT count(*) FROM pg_stat_activity
     WHERE datname = %s AND state LIKE 'idle in transaction%%'
       AND pid <> pg_backend_pid()
"""
_NUMBERS = itertools.count(1)


@QUICK.says
def slow_posts_hold_no_connection(stage: Stage) -> None:
    """While 90 bodies arrive slowly, no transaction is open and others are answered."""
    stage.restart()
    headers = {"Content-Type": b"application/x-www-form-urlencoded"}
    with contextlib.ExitStack() as slow:
        for path in PATHS * _SLOW:
            opened = wire.begin(stage.address, path, headers, 1000)
            slow.enter_context(opened).sendall(b"token=a&")
        time.sleep(2)
        same("open transactions", stage.value(_HELD_IN_TRANSACTION, DATABASE), 0)
        same("answer", _post(stage, SMALL)[0], 200)
        same("answer", requests.get(f"{stage.url}/web/login", timeout=60).ok, True)


@QUICK.says
def an_answer_takes_little_memory(stage: Stage) -> None:
    """A mail with a large file makes Odoo grow by 4 times its body at most."""
    _check_weight(stage, RAW_FILE, SIGNING_KEY, _UNTIL_ANSWER)


@THOROUGH.says
def every_form_takes_little_memory(stage: Stage) -> None:
    """So does every other form of a mail."""
    for one in heavy.ALL[1:]:
        _check_weight(stage, one, SIGNING_KEY, _UNTIL_ANSWER)


@THOROUGH.says
def what_is_not_signed_takes_less(stage: Stage) -> None:
    """What is not signed makes it grow by twice its body at most."""
    for one in heavy.ALL:
        _check_weight(stage, one, "wrong", 2)


@THOROUGH.says
def routing_takes_little_memory(stage: Stage) -> None:
    """With routing it takes 8 times its body at most."""
    for one in heavy.ALL:
        _restart(stage, slots=1)
        with stage.measured() as grown:
            _status, length = _post(stage, one)
            stage.steps.wait_for("the mail to be routed", lambda: not _waiting(stage))
        found = f"{one.name}, routed: {grown[0] / length:.1f} times its body"
        stage.steps.say(found)
        true(found, grown[0] < _SLACK + _UNTIL_ROUTED * length)


@THOROUGH.says
def large_posts_at_once_are_limited(stage: Stage) -> None:
    """Twenty unsigned posts of 30 MiB at once make it grow by 384 MiB at most."""
    _restart(stage)
    body = RAW_FILE.body(0, signing.sign("wrong")) + b"a" * (6 * MIB)
    headers = {"Content-Type": RAW_FILE.content_type.encode()}
    with stage.measured() as grown, ThreadPoolExecutor(20) as pool:
        sent = [
            pool.submit(wire.send, stage.address, RAW, headers, body)
            for _number in range(20)
        ]
        answers = [one.result() for one in sent]
    stage.steps.say(f"20 × {len(body) / MIB:.0f} MiB: {grown[0] / MIB:.0f} MiB")
    true(f"answers: {answers}", set(answers) <= {401, 503, None} and 401 in answers)
    true(f"it grew by {grown[0] / MIB:.0f} MiB", grown[0] < _TOGETHER)


@THOROUGH.says
def json_is_small(stage: Stage) -> None:
    """JSON that is all brackets makes it grow by no more than 64 MiB."""
    _restart(stage)
    headers = {"Content-Type": JSON.encode()}
    body = b"[" + b"[]," * (MIB // 3 - 2) + b"[]]"
    for path in PATHS:
        with stage.measured() as grown:
            same("answer", wire.send(stage.address, path, headers, body), 401)
            larger = wire.send(stage.address, path, headers, body * 30)
        true(f"the answer to more was {larger}", larger in (413, None))
        true(f"it grew by {grown[0] / MIB:.0f} MiB", grown[0] < 64 * MIB)


def _check_weight(stage: Stage, one: Heavy, key: str, most: float) -> None:
    """Post something large to a server that has just started, and see it grow."""
    _restart(stage)
    with stage.measured() as grown:
        status, length = _post(stage, one, key)
    found = f"{one.name}, answered {status}: {grown[0] / length:.1f} times its body"
    stage.steps.say(found)
    same("answer", status, 200 if key == SIGNING_KEY else 401)
    true(found, grown[0] < _SLACK + most * length)


def _restart(stage: Stage, slots: int = 0) -> None:
    """Start the server, and let it load what one mail needs."""
    if sys.platform != "linux":
        raise NotChecked("only Linux tells how much a process had at most")
    stage.restart(slots)
    same("answer", _post(stage, SMALL)[0], 200)


def _post(stage: Stage, one: Heavy, key: str = SIGNING_KEY) -> tuple[int | None, int]:
    """Post a mail that was not posted yet; return the answer and the body's length."""
    body = one.body(next(_NUMBERS), signing.sign(key))
    headers = {"Content-Type": one.content_type.encode()}
    return wire.send(stage.address, RAW, headers, body), len(body)


def _waiting(stage: Stage) -> int:
    # What could not be fetched waits longer.
    return stage.value(
        """SELECT count(*) FROM mailgun_inbound_email
            WHERE state = 'pending' AND stored_url IS NULL"""
    )
