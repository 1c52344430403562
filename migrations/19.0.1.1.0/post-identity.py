"""Who a domain is at Mailgun no longer follows from what a copy has, too.

The identity is what mail was marked with so far, so events of mail that is under way
still find it; a route made so far carries the database's UUID until Repair changes it.
"""


def migrate(cr, version):
    """Give each domain that was confirmed anywhere the identity that it had there.

    :param odoo.sql_db.Cursor cr: of the upgrade
    :param str version: that the database comes from
    """
    cr.execute(
        """UPDATE mailgun_domain
              SET identity = left(encode(sha256(convert_to(
                      database_uuid || '/' || database_name, 'UTF8')), 'hex'), 12),
                  odoo_footprint = NULLIF(
                      footprint - ARRAY['webhook', 'spam_action'], '{}'),
                  footprint = jsonb_strip_nulls(jsonb_build_object(
                      'webhook', footprint -> 'webhook',
                      'spam_action', footprint -> 'spam_action',
                      'route_mark', database_uuid))
            WHERE database_uuid IS NOT NULL AND identity IS NULL"""
    )
