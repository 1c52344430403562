"""A mail of the journal is told from others with its Message-Id by a checksum now.

It outlives the bytes. Of mail whose bytes were removed nothing is known, and what comes
with its Message-Id waits for a person.
"""

from odoo import SUPERUSER_ID, api

from odoo.addons.mail_mailgun.tools.mime.mail_head import fingerprint


def migrate(cr, version):
    """Read each mail once, for how many recipients ever it came.

    :param odoo.sql_db.Cursor cr: of the upgrade
    :param str version: that the database comes from
    """
    attachments = api.Environment(cr, SUPERUSER_ID, {})["ir.attachment"]
    cr.execute(
        """SELECT min(id), array_agg(res_id)
             FROM ir_attachment
            WHERE res_model = 'mailgun.inbound.email' AND res_field = 'raw'
         GROUP BY checksum"""
    )
    for attachment_id, row_ids in cr.fetchall():
        raw = attachments.browse(attachment_id)._mailgun_bytes()
        attachments.invalidate_model()
        if raw is not None:
            cr.execute(
                """UPDATE mailgun_inbound_email SET fingerprint = %s
                    WHERE id = ANY(%s) AND fingerprint IS NULL""",
                [fingerprint(raw), row_ids],
            )
