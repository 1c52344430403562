"""Deliveries and events take less room: fewer indexes, and no value twice."""

_UNUSED = (
    "mailgun_event__waiting",
    "mailgun_event__unappliable",
    "mailgun_event__foreign",
    "mailgun_event__message_id_index",
    "mailgun_delivery__message_id_index",
    "mailgun_delivery__in_doubt",
)


def migrate(cr, version):
    """List what is open where it is looked for now, and drop what nobody uses.

    :param cr: cursor of the upgrade
    :param str version: that the database had before
    """
    cr.execute(
        """INSERT INTO mailgun_open_row (kind, row, at)
           SELECT 'sending', id, sending_at FROM mailgun_delivery
            WHERE state = 'sending'
               ON CONFLICT DO NOTHING"""
    )
    cr.execute(
        """INSERT INTO mailgun_open_row (kind, row, at)
           SELECT CASE state WHEN 'pending' THEN 'event'
                             WHEN 'failed' THEN 'failed event'
                             ELSE 'foreign event' END,
                  id, CASE state WHEN 'ignored' THEN create_date ELSE occurred_at END
             FROM mailgun_event
            WHERE state != 'done'
               ON CONFLICT DO NOTHING"""
    )
    cr.execute(
        """INSERT INTO mailgun_event_payload (event_id, kept_since, payload)
           SELECT id, occurred_at, payload FROM mailgun_event
            WHERE payload IS NOT NULL
              AND (state != 'done'
                   OR occurred_at > timezone('UTC', now()) - interval '5 days')
               ON CONFLICT DO NOTHING"""
    )
    cr.execute("ALTER TABLE mailgun_event DROP COLUMN payload")
    cr.execute(
        """UPDATE mailgun_delivery SET mailgun_id = NULL
            WHERE mailgun_id = message_id"""
    )
    for name in _UNUSED:
        cr.execute(f'DROP INDEX IF EXISTS "{name}"')
