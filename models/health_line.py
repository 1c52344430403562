"""One line of a domain's health."""

from dataclasses import dataclass

LEVELS = ("ok", "info", "warning", "error")


@dataclass(frozen=True)
class HealthLine:
    """One fact about a domain, and what to do about it.

    :param level: of ``LEVELS``
    :param title: what it is about
    :param text: what was found
    :param remedy: what to do, "" when there is nothing to do
    """

    level: str
    title: str
    text: str
    remedy: str = ""


def first_line(text):
    """Return what an error says first, short enough for a line of the health."""
    return (text or "").partition("\n")[0][:200]
