"""Sentences about a running server, in subjects, and the ways in which one can end."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass


class Wrong(Exception):
    """It is not so; the text says what was found."""


class NotChecked(Exception):
    """It could not be found out; the text says why."""


@dataclass(frozen=True)
class Sentence:
    """What the module promises.

    :param check: raises what is above
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


def same(what: str, found: object, wanted: object) -> None:
    """Go on when something is as it should be.

    :raise Wrong: with what was found instead
    """
    if found != wanted:
        raise Wrong(f"{what}: {found}, not {wanted}")


def true(what: str, holds: object) -> None:
    """Go on when something holds.

    :param what: the sentence to say when it does not
    :raise Wrong: when it does not
    """
    if not holds:
        raise Wrong(what)
