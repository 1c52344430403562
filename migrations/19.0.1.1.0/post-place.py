"""Where a database stands is known from now on: a restored one is told apart."""


def migrate(cr, version):
    """Say of each domain in use that it is used where the database is upgraded.

    :param odoo.sql_db.Cursor cr: of the upgrade
    :param str version: that the database comes from
    """
    cr.execute(
        """UPDATE mailgun_domain
              SET place = (SELECT system_identifier || '/' || oid
                             FROM pg_control_system(), pg_database
                            WHERE datname = current_database())
            WHERE state = 'ready' AND place IS NULL"""
    )
