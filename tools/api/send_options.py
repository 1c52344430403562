"""What travels beside a message: options, tags, our reference.

Source: send-http manual, "Sending options"; ``X-Mailgun-*`` headers inside the MIME
mean the same as the fields ("SMTP", "Passing sending options").
"""

import copy
import json
from dataclasses import dataclass, replace
from email.message import Message

from ...const import MAX_TAG_LENGTH, MAX_TAGS, REFERENCE_VARIABLE

_HEADERS = "x-mailgun-"
_VARIABLES = "X-Mailgun-Variables"
# What code that makes a mail may choose for it, by its headers.
_CHOOSABLE = {
    "x-mailgun-drop-message": "o:testmode",
    "x-mailgun-require-tls": "o:require-tls",
    "x-mailgun-track": "o:tracking",
    "x-mailgun-track-clicks": "o:tracking-clicks",
    "x-mailgun-track-opens": "o:tracking-opens",
}
_TAG_HEADER = "x-mailgun-tag"


@dataclass(frozen=True)
class Options:
    """Sent along with a message.

    :param fields: ``o:…``, one value each
    :param tags: the most important first
    """

    fields: tuple[tuple[str, str], ...] = ()
    tags: tuple[str, ...] = ()

    def with_fields(self, **fields: str) -> "Options":
        """Return these with more of them: ``with_fields(testmode="yes")``."""
        named = {f"o:{name.replace('_', '-')}": value for name, value in fields.items()}
        return replace(self, fields=tuple({**dict(self.fields), **named}.items()))

    def with_tags(self, *tags: str) -> "Options":
        """Return these with more tags, in front of what is there."""
        return replace(self, tags=(*tags, *self.tags))


def take_options(
    message: Message, options: Options, reference: str
) -> tuple[Message, dict[str, str | list[str]]]:
    """Take the headers that Mailgun would obey out of a message.

    Those that mean an option become one; whatever else is called ``X-Mailgun-…`` came
    from somewhere else and must not steer anything here. Variables of other modules
    stay, with ours among them.

    :param reference: ours, or "" for none
    :return: the message to be sent, and the fields of its POST
    """
    found = {
        name: str(value)
        for name, value in message.items()
        if name.lower().startswith(_HEADERS)
    }
    tags = [value for name, value in found.items() if name.lower() == _TAG_HEADER]
    fields: dict[str, str | list[str]] = dict(options.fields)
    for name, value in found.items():
        if option := _CHOOSABLE.get(name.lower()):
            fields[option] = value
    if all_tags := clean_tags([*tags, *options.tags]):
        fields["o:tag"] = all_tags
    if not found:
        if reference:
            fields[f"v:{REFERENCE_VARIABLE}"] = reference
        return message, fields
    visible = copy.copy(message)
    for name in found:
        del visible[name]
    variables = _variables(found)
    if variables:
        if reference:
            variables[REFERENCE_VARIABLE] = reference
        # Only this header carries more than text (mailgun-ruby#200, #252).
        visible[_VARIABLES] = json.dumps(variables)
    elif reference:
        fields[f"v:{REFERENCE_VARIABLE}"] = reference
    return visible, fields


def clean_tags(tags: list[str]) -> list[str]:
    """Return tags that Mailgun takes: ASCII, not too long, each once, three of them."""
    plain = (
        "".join(character for character in tag if " " <= character <= "~").strip()
        for tag in tags
    )
    kept = {tag[:MAX_TAG_LENGTH].lower(): tag[:MAX_TAG_LENGTH] for tag in plain if tag}
    return list(kept.values())[:MAX_TAGS]


def _variables(headers: dict[str, str]) -> dict:
    for name, value in headers.items():
        if name.lower() == _VARIABLES.lower():
            try:
                found = json.loads(value)
            except ValueError:
                return {}
            return found if isinstance(found, dict) else {}
    return {}
