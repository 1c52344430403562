"""What PostgreSQL has, read and aged behind Odoo's back."""

from ..machine import postgres
from .collisions import Collisions


class LabDatabase:
    """Odoo's database.

    :param postgres_env: what ``postgres.running`` returned
    :param database: its name
    """

    def __init__(self, postgres_env: dict[str, str], database: str):
        self.postgres_env = postgres_env
        self.database = database
        self.collisions = Collisions(postgres_env)

    def rows(self, sql: str, *values) -> list[tuple]:
        """Return what a SELECT finds."""
        return postgres.query(self.postgres_env, self.database, sql, *values)

    def value(self, sql: str, *values):
        """Return the only value that a SELECT finds."""
        ((value,),) = self.rows(sql, *values)
        return value

    def execute(self, sql: str, *values) -> None:
        """Change something behind Odoo's back, such as how old it is."""
        self.execute_in(self.database, sql, *values)

    def execute_in(self, database: str, sql: str, *values) -> None:
        """Do the same in another database."""
        postgres.query(self.postgres_env, database, sql, *values)

    def left(self, mails: list[int]) -> int:
        """Return how many mails are not sent."""
        sql = "SELECT count(*) FROM mail_mail WHERE id = ANY(%s) AND state <> 'sent'"
        return self.value(sql, mails)

    def states(self, mails: list[int]) -> list[str]:
        """Return the states of mails; those that are deleted are left out."""
        sql = "SELECT state FROM mail_mail WHERE id = ANY(%s) ORDER BY id"
        return [state for (state,) in self.rows(sql, mails)]

    def deliveries(self, mails: list[int]) -> list[tuple[str, str]]:
        """Return recipient and state of the deliveries of mails."""
        sql = """SELECT recipient, state FROM mailgun_delivery
                  WHERE mail_id = ANY(%s) ORDER BY recipient, attempt, partner_ref"""
        return self.rows(sql, mails)
