"""A delivery belongs to a message by its id, and no longer by its Message-Id."""


def migrate(cr, version):
    """Write down which message each delivery is of.

    By its mail where that is still there, else by the Message-Id: of several messages
    that have it the oldest is meant, for anybody may have given it to a later one.

    :param odoo.sql_db.Cursor cr: of the upgrade
    :param str version: that the database comes from
    """
    cr.execute(
        """UPDATE mailgun_delivery AS delivery
              SET message_ref = mail.mail_message_id
             FROM mail_mail AS mail
            WHERE mail.id = delivery.mail_id"""
    )
    cr.execute(
        """UPDATE mailgun_delivery AS delivery
              SET message_ref = oldest.id
             FROM (SELECT message_id, min(id) AS id FROM mail_message
                    WHERE message_id IN (SELECT message_id FROM mailgun_delivery
                                          WHERE message_ref IS NULL AND mail_id <> 0)
                    GROUP BY message_id) AS oldest
            WHERE delivery.message_id = oldest.message_id
              AND message_ref IS NULL
              AND mail_id <> 0"""
    )
