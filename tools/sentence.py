"""Sentences for people, written where something is found out and translated where it
is shown.

A module here calls the class ``_lt``, so that Odoo's export of terms finds what it
says; ``models/transactions/words.py`` translates. Without a translation it is English.
"""


class Sentence:
    """Words with what is filled into them.

    :param words: in English, with ``%(name)s`` for each value
    :param values: what is filled in; may be sentences as well
    """

    def __init__(self, words: str, /, **values):
        self.words = words
        self.values = values

    def filled(self, **values) -> "Sentence":
        """Return the same words with values filled in."""
        return Sentence(self.words, **values)

    def __str__(self) -> str:
        return self.words % self.values if self.values else self.words
