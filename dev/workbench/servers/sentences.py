"""Sentences about servers that run, in subjects, and the ways in which one can end."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass

import psycopg2
import requests

from ..machine.report import Report
from ..machine.steps import StepFailed
from .web_client import OdooError

# What a check may run into; it has failed then, and the next one is tried. The last two
# are raised where something is not there that is taken apart.
TROUBLES = (
    StepFailed,
    OdooError,
    requests.RequestException,
    psycopg2.Error,
    LookupError,
    ValueError,
)


class Wrong(Exception):
    """It is not so; the text says what was found."""


class NotChecked(Exception):
    """It could not be found out; the text says why."""


@dataclass(frozen=True)
class Sentence:
    """What the module promises, or what we assume about Mailgun.

    :param check: raises what is above; may return what it saw besides
    """

    text: str
    check: Callable


class Subject:
    """Sentences about one thing, in the order in which they are checked."""

    def __init__(self, name: str):
        self.name = name
        self.sentences: list[Sentence] = []

    def says(self, check: Callable) -> Callable:
        """Add a function; its docstring is the sentence."""
        text = " ".join(inspect.getdoc(check).split()).rstrip(".")
        self.sentences.append(Sentence(text, check))
        return check


def check(report: Report, lab: object, sentence: Sentence) -> None:
    """Check one sentence and report how it ended.

    :param lab: what it is checked with
    """
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


def same(what: str, found: object, wanted: object) -> None:
    """Go on when something is as it should be.

    :raise Wrong: with what was found instead
    """
    if found != wanted:
        raise Wrong(f"{what}: {found}, not {wanted}")


def true(what: object, holds: object) -> None:
    """Go on when something holds.

    :param what: the sentence to say when it does not, or what was found instead
    :raise Wrong: when it does not
    """
    if not holds:
        raise Wrong(what)
