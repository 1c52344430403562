"""What to do about a mail is no part any more of the reason why it is where it is."""

# The last words of a reason, as 19.0.1.0.0 wrote them.
REMEDIES = (
    "It is kept back by the policy of the Mailgun domain. Press Release if the mail is "
    "welcome, or Discard.",
    "If the sender is trusted, press Allow Sender.",
    "If this one is a mail of its own, press Release.",
    "To allow it, open the link in the text of the mail, or enter the code in Gmail's "
    "settings; then press Discard.",
    "Create the alias in Settings > Technical > Email > Aliases and press Retry.",
)


def migrate(cr, version):
    """Take the remedy out of the reasons of mail that waits for a person.

    :param odoo.sql_db.Cursor cr: of the upgrade
    :param str version: that the database comes from
    """
    cr.execute(
        """UPDATE mailgun_inbound_email
              SET error = rtrim(left(error, -length(known.remedy))),
                  remedy = known.remedy
             FROM unnest(%s) AS known (remedy)
            WHERE state IN ('held', 'unrouted')
              AND right(error, length(known.remedy)) = known.remedy""",
        [list(REMEDIES)],
    )
