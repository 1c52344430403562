"""Posts read back from a catcher, taken apart."""

import base64
import email
import email.policy
import re
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

import requests

_TIMEOUT = 30
_MESSAGE_ID = re.compile(rb"^Message-Id:\s*(<[^>]+>)", re.IGNORECASE | re.MULTILINE)


@dataclass
class Catch:
    """A post.

    :param label: the end of the URL's path, see ``catcher``
    :param kind: content type, without parameters
    :param fields: of the form, as bytes
    :param files: names of the form's parts that are files
    """

    label: str
    kind: str
    body: bytes
    fields: dict[str, bytes] = field(default_factory=dict)
    files: list[str] = field(default_factory=list)

    def text(self, name: str) -> str:
        """Return a field, "" when there is none."""
        return self.fields.get(name, b"").decode("utf-8", "replace")

    @property
    def message_id(self) -> str:
        """Return the Message-Id of the mail in it, in angle brackets."""
        found = _MESSAGE_ID.search(self.fields.get("body-mime", b""))
        return found[1].decode() if found else self.text("Message-Id")

    @property
    def signature(self) -> tuple[str, str, str]:
        """Return timestamp, token and signature."""
        return self.text("timestamp"), self.text("token"), self.text("signature")


class Catches:
    """What a catcher has kept of a run.

    :param url: of the run at the catcher
    :param local: the catcher is on this machine
    """

    def __init__(self, url: str, local: bool):
        self.url = url
        self._http = requests.Session()
        self._http.trust_env = not local

    def read(self) -> list[Catch]:
        """Return all posts, oldest first."""
        response = self._http.get(self.url, timeout=_TIMEOUT)
        response.raise_for_status()
        return [_catch(one) for one in response.json()["posts"]]

    def close(self) -> None:
        """Give the connection back."""
        self._http.close()


def _catch(post: dict) -> Catch:
    kind = post["content_type"].partition(";")[0].strip().lower()
    catch = Catch(post["label"], kind, base64.b64decode(post["body"]))
    if kind == "application/x-www-form-urlencoded":
        pairs = parse_qsl(
            catch.body.decode("latin-1"), keep_blank_values=True, encoding="latin-1"
        )
        catch.fields = {name: value.encode("latin-1") for name, value in pairs}
    elif kind == "multipart/form-data":
        _take_apart(catch, post["content_type"])
    return catch


def _take_apart(catch: Catch, content_type: str) -> None:
    head = f"Content-Type: {content_type}\r\n\r\n".encode()
    form = email.message_from_bytes(head + catch.body, policy=email.policy.HTTP)
    for part in form.iter_parts():
        name = part.get_param("name", "", "content-disposition")
        if part.get_filename() is None:
            catch.fields[name] = part.get_payload(decode=True) or b""
        else:
            catch.files.append(name)
