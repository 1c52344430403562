"""Errors of ``tools``, in the language of whoever reads them."""

from ...tools.sentence import Sentence


def in_words(env, error):
    """Return what an error says, translated where its sentence can be.

    :param odoo.api.Environment env: of the reader, or of who writes it down
    :param error: an exception, or a ``tools.sentence.Sentence``
    :rtype: str
    """
    sentence = getattr(error, "sentence", error)
    if not isinstance(sentence, Sentence):
        return str(error)
    values = {
        name: in_words(env, value) if isinstance(value, Sentence) else value
        for name, value in sentence.values.items()
    }
    # The terms stand as literals in tools/, where Odoo's export finds them.
    return env._(sentence.words, **values)  # pylint: disable=translation-contains-variable
