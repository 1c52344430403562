"""All sentences against one running server, a line each."""

from collections.abc import Collection

from ..lab import stage
from ..machine.report import Report
from ..servers.sentences import TROUBLES, check
from . import (
    alarms,
    arriving,
    beside,
    copies,
    cost,
    doubt,
    keys,
    lanes,
    ledger,
    life,
    logs,
    mailing,
    pooler,
    proxies,
    queue,
    servers,
    stopping,
)

SUBJECTS = tuple(
    part.SUBJECT
    for part in (
        life,
        ledger,
        arriving,
        doubt,
        servers,
        keys,
        mailing,
        lanes,
        queue,
        pooler,
        proxies,
        stopping,
        cost,
        copies,
        beside,
        logs,
        alarms,
    )
)
#: What is checked when it is asked for: it takes a quarter of an hour, and moves time
#: behind Odoo's back, which Odoo logs.
LONG = (alarms.SUBJECT,)


def run(report: Report, names: Collection[str] = ()) -> None:
    """Check every sentence.

    :param names: only these subjects; without any all but ``LONG``
    """
    try:
        with stage.running(report) as lab:
            for subject in SUBJECTS:
                if subject.name in names if names else subject not in LONG:
                    report.say(f"{subject.name} ...")
                    for sentence in subject.sentences:
                        check(report, lab, sentence)
                        lab.tidy()
    except TROUBLES as error:
        report.failed("everything starts", f"{type(error).__name__}: {error}")
