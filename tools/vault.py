"""Keys at rest: Fernet (AES-128-CBC with HMAC) under a key of this one database.

A dump of the database holds ciphertext only. The master key comes from outside of it,
and the key in use is derived from it with the database's UUID, so a copy of the
database on the same server cannot open the original's secrets by accident.
"""

import base64
import contextlib
import os
import secrets
import tempfile
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from .errors import UnreadableKey
from .sentence import Sentence as _lt


class Vault:
    """Closes and opens short secrets.

    :param str master_key: any secret text, the same for every server of a database
    :param str context: what the secrets belong to; another context opens nothing
    """

    def __init__(self, master_key: str, context: str):
        derive = HKDF(
            algorithm=SHA256(),
            length=32,
            salt=None,
            info=f"mail_mailgun {context}".encode(),
        )
        self._fernet = Fernet(
            base64.urlsafe_b64encode(derive.derive(master_key.encode()))
        )

    def close(self, secret: str) -> str:
        """Return ``secret`` encrypted, as text."""
        return self._fernet.encrypt(secret.encode()).decode()

    def open(self, closed: str) -> str:
        """Return the secret that :meth:`close` was given.

        :raise UnreadableKey: when another master key or database closed it
        """
        try:
            return self._fernet.decrypt(closed.encode()).decode()
        except InvalidToken as error:
            raise UnreadableKey(
                _lt(
                    "The stored key cannot be opened: another server or database "
                    "stored it, or the master key was changed. Give this server the "
                    "same master key (MAILGUN_SECRET_KEY, or the file "
                    "mail_mailgun/master.key in Odoo's data directory), or enter the "
                    "key again."
                )
            ) from error


def read_master_key(path: Path) -> str:
    """Return the master key that is kept in a file.

    :raise UnreadableKey: there is none, or it cannot be read
    """
    key = _read(path)
    if key is None:
        raise UnreadableKey(
            _lt(
                "The stored key cannot be opened: this server has no master key. "
                "Restore the file %(file)s in Odoo's data directory from a backup, or "
                "copy it from the server that stored the key; or set "
                "MAILGUN_SECRET_KEY, or enter the key again.",
                file=_told(path),
            )
        )
    return key


def make_master_key(path: Path) -> str:
    """Return the master key that is kept in a file; made when there is none.

    :param path: the file; created with mode 0600 in a folder of mode 0700
    :raise UnreadableKey: it can neither be read nor made
    """
    key = _read(path)
    if key is None:
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            _offer_new_key(path)
        except OSError as error:
            raise _unreadable(path, error.strerror) from error
        key = read_master_key(path)
    return key


def _read(path: Path) -> str | None:
    try:
        key = path.read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _unreadable(path, error.strerror) from error
    except ValueError as error:
        raise _unreadable(path, _lt("it is no text")) from error
    if not key:
        raise _unreadable(path, _lt("it is empty"))
    return key


def _unreadable(path: Path, reason: _lt | str) -> UnreadableKey:
    return UnreadableKey(
        _lt(
            "The master key cannot be read: %(reason)s. See to it that the file "
            "%(file)s in Odoo's data directory is what it was (there may be a backup) "
            "and that the user who runs Odoo may read it; or set MAILGUN_SECRET_KEY.",
            reason=reason,
            file=_told(path),
        )
    )


def _told(path: Path) -> str:
    # Strangers may come to read it, too: nothing of where this is on the server.
    return f"{path.parent.name}/{path.name}"


def _offer_new_key(path: Path) -> None:
    # Written in full before it gets its name: of two workers that start at once the
    # second finds a complete file, and uses that.
    descriptor, draft = tempfile.mkstemp(dir=path.parent)
    try:
        with os.fdopen(descriptor, "w") as handle:
            handle.write(secrets.token_urlsafe(32))
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)
    finally:
        os.unlink(draft)
