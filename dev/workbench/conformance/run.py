"""Running all checks against one account."""

from collections.abc import Iterable

import requests

from ..servers.sentences import NotChecked, Sentence, Subject, Wrong
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
from .findings import Findings
from .lab import Lab
from .target import Target

# Inbound is last: some of it takes ten minutes from the first mail on.
SUBJECTS: tuple[Subject, ...] = tuple(
    part.SUBJECT
    for part in (sending, events, domains, routes, webhooks, suppressions, inbound)
)

# An answer in another shape than the one that the check takes apart.
_OTHER_SHAPE = (AttributeError, IndexError, KeyError, TypeError, ValueError)


def run(target: Target, subjects: Iterable[Subject] = SUBJECTS) -> Findings:
    """Check every assumption, then remove what that made.

    :raise NotChecked: when the key is not good for the domain
    """
    findings = Findings(target.key, target.sending_key)
    lab = Lab(target, findings)
    try:
        _require_access(lab)
        try:
            for subject in subjects:
                findings.group(subject.name)
                for sentence in subject.sentences:
                    _check(lab, sentence, findings)
        finally:
            for what in litter.remove(lab):
                findings.say(f"left behind, to be removed by hand: {what}")
    finally:
        findings.met = list(lab.api.met.values())
        lab.close()
    return findings


def _require_access(lab: Lab) -> None:
    try:
        lab.once(probes.domain)
    except Wrong as error:
        raise NotChecked(f"the key cannot read the domain: {error}") from error


def _check(lab: Lab, sentence: Sentence, findings: Findings) -> None:
    try:
        findings.holds(sentence.text, sentence.check(lab))
    except Wrong as error:
        findings.contradicted(sentence.text, str(error))
    except NotChecked as error:
        findings.not_checked(sentence.text, str(error))
    except _OTHER_SHAPE as error:
        findings.contradicted(sentence.text, f"another shape, {_described(error)}")
    except requests.RequestException as error:
        findings.not_checked(sentence.text, _described(error))


def _described(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
