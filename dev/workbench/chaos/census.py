"""What the database holds, held against the mails that were written.

Plain SQL on Odoo's own tables. Of the module it knows nothing, least of all what it
believes to have done.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from ..demo.demo_stage import Stage
from .letters import Letter

_RECORDS = """
SELECT name, count(*) FROM (
    SELECT name FROM crm_lead UNION ALL SELECT name FROM res_partner
) AS record WHERE name = ANY(%s) GROUP BY name"""
_MESSAGES = """
SELECT message_id, count(*) FROM mail_message
WHERE message_id = ANY(%s) GROUP BY message_id"""
_MAILS_OUT = """
SELECT count(*) FROM mail_mail
WHERE substring(email_to FROM '[^<>\\s,]+@[^<>\\s,]+') = ANY(%s)"""


@dataclass
class Census:
    """What was found.

    :param lost: what is missing, in words
    :param doubled: what is there too often, in words
    """

    records: int
    messages: int
    lost: list[str]
    doubled: list[str]


def take(stage: Stage, letters: Sequence[Letter]) -> Census:
    """Count records and messages of each mail."""
    records = dict(stage.rows(_RECORDS, [one.subject for one in letters]))
    messages = dict(stage.rows(_MESSAGES, [one.message_id for one in letters]))
    census = Census(sum(records.values()), sum(messages.values()), [], [])
    for letter in letters:
        for what, wanted, found in (
            ("records", letter.records, records.get(letter.subject, 0)),
            ("messages", letter.messages, messages.get(letter.message_id, 0)),
        ):
            words = f"{letter.subject}: {found} {what}, not {wanted}"
            if found < wanted:
                census.lost.append(words)
            elif found > wanted:
                census.doubled.append(words)
    return census


def records(stage: Stage, letters: Sequence[Letter]) -> int:
    """Return how many records the mails have made so far."""
    rows = stage.rows(_RECORDS, [one.subject for one in letters])
    return sum(count for _name, count in rows)


def bounces(stage: Stage, letters: Sequence[Letter]) -> int:
    """Return how many mails went out, or are about to, to who wrote the mails."""
    senders = {one.sender for one in letters}
    sent = sum(bool(senders & set(one["recipients"])) for one in stage.sandbox.mails())
    ((waiting,),) = stage.rows(_MAILS_OUT, sorted(senders))
    return sent + waiting


def invalid_aliases(stage: Stage) -> int:
    """Return how many aliases Odoo has marked as not working."""
    sql = "SELECT count(*) FROM mail_alias WHERE alias_status = 'invalid'"
    ((count,),) = stage.rows(sql)
    return count
