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
                    "The stored key cannot be read: it was stored by another database "
                    "or server. Enter it again, or give this server the same "
                    "MAILGUN_SECRET_KEY."
                )
            ) from error


def master_key_file(path: Path) -> str:
    """Return the master key kept in a file, made on first use.

    :param path: the file; created with mode 0600 in a folder of mode 0700
    :raise OSError: when it can be neither read nor written
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not path.exists():
        _offer_new_key(path)
    return path.read_text().strip()


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
