"""Parse EMAIL_URL."""

import re
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

SMTP = "django.core.mail.backends.smtp.EmailBackend"
CONSOLE = "django.core.mail.backends.console.EmailBackend"
FILES = "django.core.mail.backends.filebased.EmailBackend"

PORTS = {"smtp": 25, "smtp+tls": 587, "smtps": 465}

EXPECTED = (
    "smtp+tls://user:password@host:587 (STARTTLS), smtps://user:password@host:465, smtp://host:25 (no encryption), "
    "file:///path/to/folder or console:, with %40 for an @ in the password"
)


class MailServer(NamedTuple):
    """Django's settings of a mail server, or of what takes its place."""

    backend: str
    host: str = "localhost"
    port: int = 25
    user: str = ""
    password: str = ""
    starts_tls: bool = False
    is_tls: bool = False
    folder: str | None = None


def parse(url: str) -> MailServer:
    """Return the mail server. Raises ValueError for an unusable URL, without repeating it, as it has a password."""
    if url == "console:":
        return MailServer(CONSOLE)
    parts = urlsplit(url)
    if parts.query or parts.fragment:
        raise ValueError("a mail server takes no options")
    if parts.scheme == "file" and not parts.netloc and len(parts.path) > 1:
        return MailServer(FILES, folder=unquote(parts.path))
    host = parts.hostname or ""
    if parts.scheme not in PORTS or parts.path not in ("", "/") or not re.fullmatch(r"[A-Za-z0-9._:-]+", host):
        raise ValueError("no mail server")
    if (parts.username is None) != (parts.password is None):
        raise ValueError("a user without a password")
    return MailServer(
        SMTP,
        host,
        parts.port or PORTS[parts.scheme],
        unquote(parts.username or ""),
        unquote(parts.password or ""),
        starts_tls=parts.scheme == "smtp+tls",
        is_tls=parts.scheme == "smtps",
    )
