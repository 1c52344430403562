"""Answers that nobody has thought of, for tests that what is unknown does no harm."""

import json
import unittest

try:
    import hypothesis
    from hypothesis import strategies
except ImportError as error:
    raise unittest.SkipTest("hypothesis is not installed") from error

# Words of real answers, in shapes and with statuses that they never came in.
_WORDS = strategies.one_of(
    strategies.text(max_size=60),
    strategies.sampled_from(
        [
            "Forbidden",
            "Domain not found",
            "Route not found",
            "404 page not found",
            "Queued. Thank you.",
            "Mailgun Magnificent API",
            "is not allowed to send: recipient limit exceeded",
            "to parameter is not a valid address. please check documentation",
            "try again after Fri, 31 Dec 9999 23:59:59 UTC",
            "try again after Mon, 01 Jan 0001 00:00:00 UTC",
            "not allowed to send: try again after 999999999999 h",
            "Account is on probation. It will be enabled in 99999999999 seconds",
            "\x00\ud800 %(words)s %s {}",
        ]
    ),
)
_JSON = strategies.recursive(
    strategies.one_of(
        strategies.none(),
        strategies.booleans(),
        strategies.floats(),
        strategies.integers(),
        _WORDS,
    ),
    lambda inner: (
        strategies.lists(inner, max_size=3)
        | strategies.dictionaries(
            strategies.sampled_from(
                ["message", "Reason", "Error", "id", "items", "paging", "x"]
            ),
            inner,
            max_size=3,
        )
    ),
    max_leaves=6,
)


def _bodies():
    json_bodies = _JSON.map(lambda value: json.dumps(value).encode())
    pages = _WORDS.map(
        lambda words: f"<html><title>{words}</title><p>{words}</p></html>".encode(
            "utf-8", "replace"
        )
    )
    return strategies.one_of(
        json_bodies,
        json_bodies.map(lambda body: body[: len(body) // 2]),
        pages,
        _WORDS.map(lambda words: words.encode("utf-8", "replace")),
        strategies.binary(max_size=60),
        strategies.just(b"[" * 100_000),
    )


_HEADER_VALUES = strategies.sampled_from(
    ["", "0", "-1", "1e300", "nan", "99999999999999", "Fri, 31 Dec 9999 23:59:59 GMT"]
)


_STATUSES = strategies.integers(300, 599)


@strategies.composite
def answers(draw, statuses=_STATUSES):
    """Return status, body and headers of an answer."""
    headers = {
        "Content-Type": draw(
            strategies.sampled_from(
                ["application/json", "text/html", "text/plain; charset=nonsense", "x"]
            )
        ),
        "Retry-After": draw(_HEADER_VALUES),
        "X-RateLimit-Reset": draw(_HEADER_VALUES),
    }
    return draw(statuses), draw(_bodies()), headers


def for_any_answer(examples, **options):
    """Run a function with arbitrary answers, always the same ones."""

    def decorate(function):
        given = hypothesis.given(answers(**options))(function)
        return hypothesis.settings(
            max_examples=examples,
            deadline=None,
            derandomize=True,
            database=None,
            suppress_health_check=list(hypothesis.HealthCheck),
        )(given)

    return decorate
