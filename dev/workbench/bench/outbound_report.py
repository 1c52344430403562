"""What ``dev/bench out`` has measured: a table, and what was promised."""

import statistics

from ..machine.steps import Steps
from . import ways
from .ways import Way

# Each rate that was measured, the first round's first.
Rates = dict[Way, list[float]]

# (what, way, compared with, at least so many times)
_PROMISES = (
    ("100 ms, to core's SMTP", ways.FAR, ways.CORE_FAR, 15.0),
    ("0 ms, to core's SMTP", ways.NEAR, ways.CORE_NEAR, 1.0),
    ("100 ms, to 0 ms", ways.FAR, ways.NEAR, 0.85),
    # One process computes no faster than this, whatever it waits for (one lock for all
    # of Python's threads).
    ("0 ms, to core's floor", ways.NEAR, ways.CORE_IDLE, 0.85),
)
_WIDTH = 9


def show(steps: Steps, rates: Rates) -> bool:
    """Print all rates; tell whether every promise is kept."""
    steps.say("mails a second, and in brackets how many times core's SMTP that is")
    _row("", "core", "1 lane", *(f"{lanes} lanes" for lanes in ways.LANES[1:]))
    for delay in ways.DELAYS:
        core = rates.get(Way(ways.SMTP, delay))
        found = [rates.get(Way(ways.MODULE, delay, lanes)) for lanes in ways.LANES]
        _row(f"{delay} ms", _rate(core), *map(_rate, found))
        _row("", "", *(_times(one, core) for one in found))
    found = [rates.get(Way(ways.FLOOR, lanes=lanes)) for lanes in ways.LANES]
    _row("floor", _rate(rates.get(ways.CORE_IDLE)), *map(_rate, found))
    steps.say(f"promised with {ways.DEFAULT_LANES} lanes")
    return all([_is_kept(rates, *promise) for promise in _PROMISES])


def _is_kept(rates: Rates, what: str, way: Way, compared: Way, least: float) -> bool:
    ratio = _ratio(rates[way], rates[compared])
    kept = ratio >= least
    verdict = "" if kept else "   NOT REACHED"
    print(f"            {what:<24} {ratio:5.2f} times, at least {least}{verdict}")
    return kept


def _row(name: str, *cells: str) -> None:
    line = f"{name:<8}" + "".join(f"{one:>{_WIDTH}}" for one in cells)
    print(f"            {line}".rstrip())


def _rate(found: list[float] | None) -> str:
    return f"{statistics.median(found):.1f}" if found else ""


def _times(found: list[float] | None, core: list[float] | None) -> str:
    return f"({_ratio(found, core):.2f})" if found and core else ""


def _ratio(found: list[float], compared: list[float]) -> float:
    """Return the usual ratio of rates; those of one round belong together."""
    return statistics.median(
        one / other for one, other in zip(found, compared, strict=False)
    )
