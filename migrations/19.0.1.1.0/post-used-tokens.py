"""Tokens of signatures are in one table now, and no longer beside what they brought in.

Those that could still come again are taken over; what they were used for is not known.
"""


def migrate(cr, version):
    """Copy the tokens of the last two days.

    :param cr: the cursor of the update
    :param str version: that was installed
    """
    cr.execute(
        """INSERT INTO mailgun_used_token (token, used_at)
                SELECT token, create_date
                  FROM mailgun_event
                 WHERE token IS NOT NULL
                   AND create_date > timezone('UTC', now()) - interval '2 days'
             UNION ALL
                SELECT split_part(token, '/', 1), create_date
                  FROM mailgun_inbound_email
                 WHERE token NOT LIKE 'event/%'
                   AND create_date > timezone('UTC', now()) - interval '2 days'
           ON CONFLICT DO NOTHING"""
    )
