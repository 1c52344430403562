"""Running all checks against one account."""

from collections.abc import Iterable

import requests

from . import (
    domains,
    events,
    inbound,
    litter,
    probes,
    routes,
    sending,
    suppressions,
    webhooks,
)
from .assumption import Assumption, Contradicted, Group, NotChecked
from .findings import Findings
from .lab import Lab
from .target import Target

# Inbound is last: some of it takes ten minutes from the first mail on.
GROUPS: tuple[Group, ...] = tuple(
    part.GROUP
    for part in (sending, events, domains, routes, webhooks, suppressions, inbound)
)

# An answer in another shape than the one that the check takes apart.
_OTHER_SHAPE = (AttributeError, IndexError, KeyError, TypeError, ValueError)


def run(target: Target, groups: Iterable[Group] = GROUPS) -> Findings:
    """Check every assumption, then remove what that made.

    :raise NotChecked: when the key is not good for the domain
    """
    findings = Findings(target.key)
    lab = Lab(target, findings)
    try:
        _require_access(lab)
        try:
            for group in groups:
                findings.group(group.name)
                for assumption in group.assumptions:
                    _check(lab, assumption, findings)
        finally:
            for what in litter.remove(lab):
                findings.say(f"left behind, to be removed by hand: {what}")
    finally:
        lab.close()
    return findings


def _require_access(lab: Lab) -> None:
    try:
        lab.once(probes.domain)
    except Contradicted as error:
        raise NotChecked(f"the key cannot read the domain: {error}") from error


def _check(lab: Lab, assumption: Assumption, findings: Findings) -> None:
    sentence = assumption.sentence
    try:
        findings.holds(sentence, assumption.check(lab))
    except Contradicted as error:
        findings.contradicted(sentence, str(error))
    except NotChecked as error:
        findings.not_checked(sentence, str(error))
    except _OTHER_SHAPE as error:
        findings.contradicted(sentence, f"another shape, {_described(error)}")
    except requests.RequestException as error:
        findings.not_checked(sentence, _described(error))


def _described(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
