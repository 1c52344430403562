import io
import struct
import zipfile
from unittest.mock import patch

from odoo.tests import BaseCase, tagged

from odoo.addons.mail_mailgun.tools.mime import attachment_type
from odoo.addons.mail_mailgun.tools.mime.attachment_type import (
    UNKNOWN_TYPE,
    judge,
    readable_name,
    true_type,
)

GENERIC = "application/octet-stream"
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"

WINDOWS = (
    b"MZ"
    + bytes(58)
    + struct.pack("<I4sHHIIIHH", 64, b"PE\0\0", 332, 1, 0, 0, 0, 224, 2)
) + bytes(240)
LINUX = b"\x7fELF\2\1\1" + bytes(9) + struct.pack("<HHI", 2, 62, 1) + bytes(60)
MAC = struct.pack("<7I", 0xFEEDFACF, 0x01000007, 3, 2, 1, 0, 0) + bytes(60)
SHORTCUT = bytes.fromhex("4c0000000114020000000000c000000000000046") + bytes(60)
DISK = bytes(32768) + b"\1CD001\1" + bytes(2000)
SHELL = b"#!/bin/sh\necho hello\n"
BATCH = b"@echo off\r\ndir\r\n"
PROGRAMS = {"Windows": WINDOWS, "Linux": LINUX, "Mac": MAC, "disk": DISK}

PDF = b"%PDF-1.4\n1 0 obj\n"
PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\1\0\0\0\1\x08\6\0\0\0"
TEXT = b"Dear all,\nimport what you like; MZ is no sign.\n"


def archive(*names):
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as file:
        for name in names:
            file.writestr(name, "<x/>")
    return data.getvalue()


WORD = archive("[Content_Types].xml", "_rels/.rels", "word/document.xml")


@tagged("mailgun_tools")
class TestTrueType(BaseCase):
    def test_bytes_show_what_they_are(self):
        for data, kind in ((PDF, "application/pdf"), (PNG, "image/png")):
            self.assertEqual(true_type(data), kind)
        self.assertEqual(true_type(archive("a.txt")), "application/zip")

    def test_an_empty_file_has_no_type(self):
        self.assertEqual(true_type(b""), "")

    def test_a_failure_of_libmagic_is_logged_and_the_name_still_counts(self):
        broken = patch("magic.from_buffer", side_effect=OSError("no database"))
        with broken, self.assertLogs(attachment_type.__name__, "WARNING") as log:
            self.assertEqual(judge("a.pdf", GENERIC, PDF).danger, "")
            self.assertEqual(judge("a.exe", GENERIC, PDF).sign, "ending")
            self.assertEqual(judge("a", GENERIC, PDF).mimetype, UNKNOWN_TYPE)
        self.assertIn("no database", log.output[0])

    def test_what_a_browser_takes_for_a_page_is_stored_as_text(self):
        for declared in (
            "application/vnd.openxmlformats-x+xml",
            "application/vnd.openxmlformats-html",
            "application/VND.OPENXMLFORMATS/xml",
            "application/mathml+xml",
            "image/svg+xml",
            "application/xhtml+xml",
            "text/html",
            "text/xsl",
        ):
            with self.subTest(declared=declared):
                page = b"<html xmlns='http://www.w3.org/1999/xhtml'/>"
                self.assertIn(
                    judge("page", declared, page).mimetype, ("", "text/plain")
                )
        self.assertEqual(judge("offer", DOCX, WORD).mimetype, DOCX)

    def test_without_libmagic_the_name_still_counts(self):
        missing = patch.dict("sys.modules", {"magic": None})
        with missing, self.assertLogs(attachment_type.__name__, "WARNING"):
            self.assertEqual(judge("a.exe", GENERIC, WINDOWS).sign, "ending")


@tagged("mailgun_tools")
class TestDanger(BaseCase):
    def sign(self, name, data=b"x", declared=GENERIC):
        return judge(name, declared, data).sign

    def test_usual_files_are_harmless(self):
        for name, declared, data in (
            ("invoice.pdf", "application/pdf", PDF),
            ("invoice.pdf", GENERIC, PDF),
            ("photo.png", "image/png", PNG),
            ("offer.docx", DOCX, WORD),
            ("offer.docx", GENERIC, WORD),
            ("old.doc", "application/msword", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"),
            ("all.zip", "application/zip", archive("a.exe")),
            ("all.tar.gz", "application/gzip", b"\x1f\x8b\x08" + bytes(20)),
            ("list.csv", "text/csv", b"MZ,a\r\n1,2\r\n"),
            ("page.html", "text/html", b"<html><script>x()</script></html>"),
            ("data.xml", "text/xml", b"<?xml version='1.0'?><a/>"),
            ("invite.ics", "text/calendar", b"BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n"),
            ("mail.eml", "message/rfc822", b"From: a@b.c\r\nSubject: x\r\n\r\nx"),
            ("notes.txt", "text/plain", TEXT),
            ("howto.txt", "text/plain", SHELL),
            ("howto.md", "text/markdown", BATCH),
            ("smime.p7s", "application/pkcs7-signature", b"0\x82\x10\0\6\x09"),
            ("v1.2.final", "text/plain", TEXT),
            ("exe", "text/plain", TEXT),
            ("attachment", "text/plain", b""),
        ):
            with self.subTest(name=name, declared=declared):
                self.assertEqual(judge(name, declared, data).danger, "")

    def test_programs_are_known_by_their_bytes(self):
        for system, data in PROGRAMS.items():
            for name in ("setup", "setup.bin"):
                with self.subTest(system=system, name=name):
                    self.assertEqual(self.sign(name, data), "program")

    def test_programs_are_known_by_their_names(self):
        for ending in "exe scr com bat cmd js vbs ps1 msi lnk iso jar hta sh".split():
            with self.subTest(ending=ending):
                judgement = judge(f"A.{ending.upper()}", GENERIC, b"x")
                self.assertEqual(judgement.sign, "ending")
                self.assertEqual(judgement.danger, "executable")
                self.assertEqual(judgement.ending, ending)

    def test_an_ending_counts_as_windows_reads_it(self):
        for name in ("a.exe.", "a.exe ", "a.exe . ", ".exe"):
            with self.subTest(name=name):
                self.assertEqual(self.sign(name), "ending")

    def test_scripts_are_known_by_their_bytes(self):
        for data in (SHELL, BATCH):
            self.assertEqual(self.sign("install", data), "program")
            self.assertEqual(self.sign("photo.jpg", data), "pretence")

    def test_documents_with_macros_are_executable(self):
        judgement = judge("offer.docm", DOCX, WORD)
        self.assertEqual(judgement.sign, "macros")
        self.assertEqual(judgement.danger, "executable")

    def test_a_program_under_the_name_of_a_document_is_disguised(self):
        for system, data in PROGRAMS.items():
            for name in ("invoice.pdf", "photo.jpg", "list.csv", "all.zip"):
                with self.subTest(system=system, name=name):
                    judgement = judge(name, GENERIC, data)
                    self.assertEqual(judgement.sign, "pretence")
                    self.assertEqual(judgement.danger, "disguised")

    def test_a_program_declared_as_a_document_is_disguised(self):
        for declared in ("image/png", "application/pdf", "Text/Plain", DOCX):
            with self.subTest(declared=declared):
                self.assertEqual(self.sign("setup.exe", WINDOWS, declared), "pretence")

    def test_a_script_is_often_declared_as_text_and_not_disguised(self):
        self.assertEqual(self.sign("run.bat", BATCH, "text/plain"), "ending")

    def test_a_shortcut_under_the_name_of_a_document_is_disguised(self):
        self.assertEqual(self.sign("invoice.pdf", SHORTCUT), "pretence")

    def test_an_ending_behind_another_is_disguised(self):
        for name in (
            "invoice.pdf.exe",
            "photo.jpg   .SCR",
            "a.b.docx.docm",
            "x.txt.js",
        ):
            with self.subTest(name=name):
                judgement = judge(name, GENERIC, b"x")
                self.assertEqual(judgement.sign, "double_ending")
                self.assertEqual(judgement.danger, "disguised")

    def test_a_name_that_reads_backwards_is_disguised(self):
        name = "invoice\u202efdp.exe"
        self.assertEqual(self.sign(name), "reversed_name")
        self.assertEqual(readable_name(name), "invoice_fdp.exe")

    def test_names_in_hebrew_and_arabic_are_harmless(self):
        for name in ("\u200fחשבונית.pdf", "فاتورة\u200e.pdf"):
            self.assertEqual(self.sign(name, PDF), "")


@tagged("mailgun_tools")
class TestStoredType(BaseCase):
    def stored(self, name, declared, data):
        return judge(name, declared, data).mimetype

    def test_a_generic_type_is_corrected_by_the_bytes(self):
        for declared in (
            "",
            GENERIC,
            "text/plain",
            "application/x-download",
            "nonsense",
        ):
            with self.subTest(declared=declared):
                self.assertEqual(self.stored("a.txt", declared, PNG), "image/png")

    def test_what_the_bytes_show_vaguely_is_left_to_the_name(self):
        self.assertEqual(self.stored("list.csv", GENERIC, b"a,b\n1,2\n"), "")
        self.assertEqual(self.stored("offer.docx", GENERIC, archive("a.txt")), "")

    def test_a_declared_type_counts_where_the_name_says_nothing(self):
        self.assertEqual(self.stored("invite", "text/calendar", b"x"), "text/calendar")
        self.assertEqual(self.stored("photo.png", "image/jpeg", PNG), "")

    def test_a_program_is_stored_as_one_whatever_is_said(self):
        stored = self.stored("invoice.pdf", "application/pdf", LINUX)
        self.assertIn("executable", stored)
