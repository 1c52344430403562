from unittest.mock import patch

from odoo.tests import TransactionCase, tagged
from odoo.tools.translate import TranslationModuleReader, code_translations

from odoo.addons.mail_mailgun.models.transactions.words import in_words
from odoo.addons.mail_mailgun.tools.errors import SettingError
from odoo.addons.mail_mailgun.tools.sentence import Sentence

REFUSED = "Mailgun refuses this: %(words)s"


@tagged("post_install", "-at_install")
class TestWords(TransactionCase):
    def speaking(self, **terms):
        """Return an environment whose language has these terms."""
        self.env["res.lang"]._activate_lang("fr_FR")
        known = {("mail_mailgun", "fr_FR"): terms}
        self.enterContext(patch.dict(code_translations.python_translations, known))
        return self.env(context={"lang": "fr_FR"})

    def test_what_mailgun_refuses_is_told_in_the_readers_language(self):
        env = self.speaking(**{REFUSED: "Mailgun refuse ceci : %(words)s"})
        error = SettingError(Sentence(REFUSED, words="100 % no"))
        self.assertEqual(str(error), "Mailgun refuses this: 100 % no")
        self.assertEqual(in_words(env, error), "Mailgun refuse ceci : 100 % no")

    def test_a_sentence_within_a_sentence_is_translated_too(self):
        env = self.speaking(**{"%(what)s!": "%(what)s !", "this account": "ce compte"})
        sentence = Sentence("%(what)s!", what=Sentence("this account"))
        self.assertEqual(in_words(env, sentence), "ce compte !")

    def test_other_errors_say_what_they_say(self):
        self.assertEqual(in_words(self.env, ValueError("100 %")), "100 %")

    def test_odoos_export_finds_the_sentences(self):
        found = {
            term for _module, _kind, _name, _id, term, *_rest in self.exported_terms()
        }
        self.assertIn(REFUSED, found)
        self.assertIn("Mailgun has not kept this mail.", found)

    def exported_terms(self):
        return TranslationModuleReader(self.env.cr, modules=["mail_mailgun"])
