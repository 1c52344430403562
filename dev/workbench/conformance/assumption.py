"""Assumptions, in groups, and the ways in which looking at one can end."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass


class NotChecked(Exception):
    """It could not be found out; the text says why."""


class Contradicted(Exception):
    """Mailgun does something else; the text says what was found."""


@dataclass(frozen=True)
class Assumption:
    """A sentence about Mailgun.

    :param check: returns what it saw besides, or None; raises what is above
    """

    sentence: str
    check: Callable


class Group:
    """Assumptions about one part of Mailgun, in the order in which they are checked."""

    def __init__(self, name: str):
        self.name = name
        self.assumptions: list[Assumption] = []

    def assumes(self, check: Callable) -> Callable:
        """Add a function; its docstring is the sentence."""
        sentence = " ".join(inspect.getdoc(check).split()).rstrip(".")
        self.assumptions.append(Assumption(sentence, check))
        return check


def expect(holds: bool, found: object) -> None:
    """Go on when something holds.

    :raise Contradicted: with what was found instead
    """
    if not holds:
        raise Contradicted(str(found))
