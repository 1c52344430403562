"""All sentences against one running server, a line each."""

from collections.abc import Collection

from ..machine.report import Report
from . import (
    beside,
    doubt,
    lanes,
    ledger,
    logs,
    mailing,
    queue,
    servers,
    stage,
    stopping,
)
from .lab import TROUBLES, Lab
from .sentence import NotChecked, Sentence, Wrong

SUBJECTS = tuple(
    part.SUBJECT
    for part in (
        ledger,
        doubt,
        servers,
        mailing,
        lanes,
        queue,
        stopping,
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
                        _check(report, lab, sentence)
    except TROUBLES as error:
        report.failed("everything starts", f"{type(error).__name__}: {error}")


def _check(report: Report, lab: Lab, sentence: Sentence) -> None:
    try:
        sentence.check(lab)
    except Wrong as error:
        report.failed(sentence.text, str(error))
    except NotChecked as error:
        report.skipped(sentence.text, str(error))
    except TROUBLES as error:
        report.failed(sentence.text, f"{type(error).__name__}: {error}")
    else:
        report.passed(sentence.text)
    lab.tidy()
