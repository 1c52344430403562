"""What an attachment really is, and whether opening it starts a program.

The type in a mail is what the sender says. The bytes are asked through libmagic where
that says nothing, or where it matters: a program under the name of an invoice. Archives
and attached mails are not opened.
"""

import logging
import mimetypes
import re
from dataclasses import dataclass

from .mail_head import CONTROLS

_logger = logging.getLogger(__name__)

# libmagic looks no further, but for disk images, whose mark is at 32 KiB.
_HEAD = 64 * 1024

#: What gives a danger away, and which danger it is.
SIGNS = {
    "program": "executable",
    "ending": "executable",
    "macros": "executable",
    "pretence": "disguised",
    "double_ending": "disguised",
    "reversed_name": "disguised",
}

# A double click runs, installs or mounts these. The list of Gmail, which many senders
# know already (https://support.google.com/mail/answer/6590), and its like elsewhere.
_RUNNING = frozenset(
    "ade adp apk appx appxbundle bat cab chm cmd com cpl diagcab diagcfg diagpkg dll "
    "dmg ex ex_ exe hta img ins iso isp jar jnlp js jse lib lnk mde mjs msc msi msix "
    "msixbundle msp mst nsh pif ps1 scr sct shb sys vb vbe vbs vhd vxd wsc wsf wsh xll "
    "appimage command deb jscript msh ocx pkg psm1 reg rpm run scf sh udf vhdx".split()
)
_MACROS = frozenset(
    "docm dotm xlsm xltm xlam pptm potm ppam ppsm sldm".split(),
)
_TEXTS = frozenset("csv eml htm html ics json log md svg tsv txt vcf xml".split())
_PASSIVE = _TEXTS | frozenset(
    "bmp gif heic ico jpeg jpg png tif tiff webp "
    "doc docx dot dotx epub key msg numbers odp ods odt pages pdf ppt pptx rtf xls "
    "xlsx xps 7z bz2 gz rar tar tgz xz zip avi m4a mov mp3 mp4 ogg wav webm".split()
)

# As libmagic calls them in its versions since 5.39.
_PROGRAMS = frozenset(
    {
        "application/vnd.microsoft.portable-executable",
        "application/x-dosexec",
        "application/x-executable",
        "application/x-pie-executable",
        "application/x-sharedlib",
        "application/x-mach-binary",
        "application/x-java-applet",
        "application/x-msi",
        "application/x-ms-shortcut",
        "application/vnd.ms-cab-compressed",
        "application/x-iso9660-image",
    }
)
# Run by the ending of their name only, so under the name of a text they are just that.
_SCRIPTS = frozenset({"text/x-shellscript", "text/x-msdos-batch"})

# Recognised by long marks, so that a name that says otherwise is wrong.
_CERTAIN = frozenset(
    {
        "application/pdf",
        "image/gif",
        "image/jpeg",
        "image/png",
        "image/tiff",
        "image/webp",
    }
)

# Mail programs write these when they know nothing better; text/plain is also what a
# part without a type has (RFC 2045, 5.2).
_GENERIC = frozenset(
    {
        "application/binary",
        "application/download",
        "application/force-download",
        "application/octet-stream",
        "application/unknown",
        "application/x-download",
        "application/x-octet-stream",
        "binary/octet-stream",
        "text/plain",
    }
)
# A browser shows these as a page and runs the scripts in it (MIME Sniffing Standard,
# "XML MIME type"; Chromium takes text/xsl for one, too).
_PAGE = re.compile(r".*(html|xml|xslt?)")
# Stored for what nobody can name: for application/octet-stream Odoo would ask libmagic
# itself, and a failure of that stops the mail.
UNKNOWN_TYPE = "application/binary"

_WELL_FORMED = re.compile(r"[a-z0-9][a-z0-9.+_-]*/[a-z0-9][a-z0-9.+_-]*")
_DOCUMENT = re.compile(
    r"(image|text|audio|video)/.*|application/(pdf|msword|rtf|zip"
    r"|vnd\.ms-(excel|powerpoint)|vnd\.(oasis|openxmlformats).*)"
)

_OVERRIDES = frozenset("\u202d\u202e")
_UNREADABLE = re.compile(rf"[{CONTROLS}\u202a-\u202e\u2066-\u2069]")


@dataclass(frozen=True)
class Judgement:
    """What is to be known of an attachment before somebody opens it.

    :param true_type: what its bytes show, or ""
    :param mimetype: the type to store; "" leaves that to Odoo, which goes by the name
    :param sign: what gives a danger away, a key of ``SIGNS``, or ""
    :param ending: of its name, in lower case and without the dot, or ""
    """

    true_type: str
    mimetype: str
    sign: str
    ending: str

    @property
    def danger(self) -> str:
        """Return "executable", "disguised", or "" for what may be opened."""
        return SIGNS.get(self.sign, "")


def true_type(data: bytes | memoryview) -> str:
    """Return the type that the bytes show, or "" when nothing can be told.

    Never raises: a mail is worth more than the type of its attachments. What libmagic
    fails of is in the log.
    """
    if not data:
        return ""
    try:
        # Raises as well, where the system library is missing.
        import magic

        return magic.from_buffer(bytes(data[:_HEAD]), mime=True)
    except Exception as error:  # noqa: BLE001  ctypes may raise anything
        _logger.warning("libmagic cannot tell the type of an attachment: %s", error)
        return ""


def judge(filename: str, declared_type: str, data: bytes) -> Judgement:
    """Look at name, declared type and bytes of an attachment.

    :param filename: as the mail has it
    :param declared_type: as the mail has it, "" when it has none
    :param data: all of it
    """
    declared = declared_type.strip().lower()
    if not _WELL_FORMED.fullmatch(declared):
        declared = ""
    true = true_type(data)
    sign, ending = _find_sign(filename, declared, true)
    return Judgement(true, _stored_type(filename, declared, true), sign, ending)


def readable_name(filename: str) -> str:
    """Return a file's name without the characters that make it read otherwise."""
    return _UNREADABLE.sub("_", filename)


def _find_sign(filename: str, declared: str, true: str) -> tuple[str, str]:
    """Return the sign of a danger, or "", and the ending of the name."""
    previous, ending = _endings(filename)
    running = ending in _RUNNING or ending in _MACROS
    script = true in _SCRIPTS and ending not in _TEXTS
    program = true in _PROGRAMS or script
    document = ending in _PASSIVE or (_DOCUMENT.fullmatch(declared) and not script)
    found = {
        "reversed_name": _OVERRIDES & set(filename),
        "double_ending": running and previous in _PASSIVE,
        "pretence": program and document,
        "macros": ending in _MACROS,
        "ending": running,
        "program": program,
    }
    return next((sign for sign, holds in found.items() if holds), ""), ending


def _endings(filename: str) -> tuple[str, str]:
    """Return the last two endings as Windows sees them: "a.pdf  .EXE. " has exe."""
    parts = [part.strip() for part in filename.lower().rstrip(". ").split(".")]
    previous, ending = ["", "", *parts[1:]][-2:]
    return previous, ending


def _stored_type(filename: str, declared: str, true: str) -> str:
    if true in _PROGRAMS:
        return true
    named = mimetypes.guess_type(filename)[0]
    if declared and declared not in _GENERIC:
        # Odoo knows the name only, so the sender's word counts where that says nothing.
        # Of pages it makes text itself, but for what looks like a document of Office.
        word = "text/plain" if _PAGE.fullmatch(declared) else declared
        return "" if named else word
    if not true and not named:
        return UNKNOWN_TYPE
    return true if true in _CERTAIN else ""
