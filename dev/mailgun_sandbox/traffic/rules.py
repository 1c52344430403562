"""Expressions and actions of routes (user manual, "Route filters", "Route actions")."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from ..memory.state import Route

_STRING = r"""\s*(["'])(.*?)\%d\s*"""
_FILTER = re.compile(
    rf"""match_recipient\({_STRING % 1}\)"""
    rf"""|match_header\({_STRING % 3},{_STRING % 5}\)"""
    r"""|(catch_all)\(\s*\)"""
)
_AND = re.compile(r"\s+and\s+")
_FORWARD = re.compile(rf"forward\({_STRING % 1}\)")
_STORE = re.compile(rf"store\((?:\s*notify\s*={_STRING % 1})?\s*\)")
_STOP = re.compile(r"stop\(\s*\)")


@dataclass
class Plan:
    """What a route does with a mail.

    :param urls: get the mail
    :param notified: are told where the stored mail can be read
    """

    urls: list[str] = field(default_factory=list)
    notified: list[str] = field(default_factory=list)
    stores: bool = False
    stops: bool = False


def is_expression(text: str) -> bool:
    """Tell whether Mailgun would take an expression."""
    found = _filters(text)
    try:
        for pattern in [one[2] or one[6] or "" for one in found or []]:
            re.compile(pattern)
    except re.error:
        return False
    return found is not None


def is_action(text: str) -> bool:
    """Tell whether Mailgun would take an action."""
    return any(one.fullmatch(text.strip()) for one in (_FORWARD, _STORE, _STOP))


def plan(
    route: Route, recipient: str, header: Callable[[str], list[str]]
) -> Plan | None:
    """Return what a route does with a mail, None when it does not match.

    :param header: gives the values of a header of the mail
    """
    captured = None
    for found in _filters(route.expression) or [None]:
        if found is None:
            return None
        if found[2] is not None:
            captured = re.fullmatch(found[2], recipient, re.IGNORECASE)
            matches = bool(captured)
        else:
            matches = bool(found[7]) or any(
                re.match(found[6], value, re.IGNORECASE) for value in header(found[4])
            )
        if not matches:
            return None
    return _plan(route.actions, captured)


def _filters(expression: str) -> list[re.Match] | None:
    """Return the filters that "and" joins, None when one is not understood."""
    found, rest = [], expression.strip()
    while match := _FILTER.match(rest):
        found.append(match)
        rest = rest[match.end() :]
        if not rest.strip():
            return found
        joint = _AND.match(rest)
        rest = rest[joint.end() :] if joint else ")"
    return None


def _plan(actions: list[str], captured: re.Match | None) -> Plan:
    made = Plan()
    for action in actions:
        if found := _FORWARD.fullmatch(action.strip()):
            made.urls += _urls(found[2], captured)
        elif found := _STORE.fullmatch(action.strip()):
            made.stores = True
            made.notified += _urls(found[2] or "", captured)
        elif _STOP.fullmatch(action.strip()):
            made.stops = True
    return made


def _urls(text: str, captured: re.Match | None) -> list[str]:
    r"""Return the URLs of a comma list; ``\1`` and ``\g<name>`` stand for captures."""
    if captured and "\\" in text:
        text = captured.expand(text)
    urls = [url.strip() for url in text.split(",")]
    return [url for url in urls if url.startswith(("http://", "https://"))]
