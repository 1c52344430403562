"""All sentences against one running server, a line each."""

from collections.abc import Collection

from ..machine.report import Report
from ..servers.sentences import TROUBLES, check
from . import (
    arriving,
    beside,
    copies,
    doubt,
    keys,
    lanes,
    ledger,
    logs,
    mailing,
    queue,
    servers,
    stage,
    stopping,
)

SUBJECTS = tuple(
    part.SUBJECT
    for part in (
        ledger,
        arriving,
        doubt,
        servers,
        keys,
        mailing,
        lanes,
        queue,
        stopping,
        copies,
        beside,
        logs,
    )
)


def run(report: Report, names: Collection[str] = ()) -> None:
    """Check every sentence.

    :param names: only these subjects
    """
    try:
        with stage.running(report) as lab:
            for subject in SUBJECTS:
                if not names or subject.name in names:
                    report.say(f"{subject.name} ...")
                    for sentence in subject.sentences:
                        check(report, lab, sentence)
                        lab.tidy()
    except TROUBLES as error:
        report.failed("everything starts", f"{type(error).__name__}: {error}")
