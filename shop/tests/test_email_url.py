"""EMAIL_URL in all its forms."""

import pytest

from shop import email_url
from shop.email_url import MailServer, parse
from shop.tests.test_settings import PRODUCTION, complaint_with, settings_with


@pytest.mark.parametrize(
    ("url", "server"),
    [
        ("console:", MailServer(email_url.CONSOLE)),
        ("file:///tmp/my%20mail", MailServer(email_url.FILES, folder="/tmp/my mail")),
        ("smtp://127.0.0.1", MailServer(email_url.SMTP, "127.0.0.1", 25)),
        ("smtp://[::1]:2525", MailServer(email_url.SMTP, "::1", 2525)),
        (
            "smtp+tls://shop:p%40ss%2F@mail.example.com",
            MailServer(email_url.SMTP, "mail.example.com", 587, "shop", "p@ss/", starts_tls=True),
        ),
        ("smtps://a%40b.c:d@mail:4650/", MailServer(email_url.SMTP, "mail", 4650, "a@b.c", "d", is_tls=True)),
    ],
)
def test_a_mail_server_is_understood(url, server):
    assert parse(url) == server


@pytest.mark.parametrize(
    "url",
    [
        "",
        "mail.example.com",
        "smtp://",
        "smtp://mail:port",
        "smtp://mail:99999",
        "smtp://user@mail",
        "smtp://mail/folder",
        "smtp://mail?tls=1",
        "smtp://ma il",
        "http://mail",
        "file://tmp/mail",
        "file:///",
        "console",
    ],
)
def test_what_is_no_mail_server_is_refused(url):
    with pytest.raises(ValueError, match=r".+"):
        parse(url)


def test_a_refusal_does_not_repeat_the_password():
    [sentence] = complaint_with(PRODUCTION | {"EMAIL_URL": "smtp://user:secret@mail/folder"})

    assert sentence == f"EMAIL_URL is not usable; write {email_url.EXPECTED}."


NEEDS = "MAIL_NOTICES=true needs a mail server and a sender"


@pytest.mark.parametrize(
    ("variables", "complaints"),
    [
        ({}, [NEEDS]),
        ({"EMAIL_URL": "smtp://mail"}, [NEEDS]),
        ({"DEFAULT_FROM_EMAIL": "orders@shop.example"}, [NEEDS]),
        (
            {"EMAIL_URL": "smtp://mail", "DEFAULT_FROM_EMAIL": "a@b.c\nBcc: x@y.z"},
            [r"DEFAULT_FROM_EMAIL is 'a@b.c\nBcc: x@y.z'", NEEDS],
        ),
        (
            {"EMAIL_URL": "smtp://mail", "DEFAULT_FROM_EMAIL": "Shop <a@b.c>, x@y.z"},
            ["DEFAULT_FROM_EMAIL is 'Shop <a@b.c>, x@y.z'", NEEDS],
        ),
        (
            {"EMAIL_URL": "smtp://mail", "DEFAULT_FROM_EMAIL": "a@b.c", "MAIL_LANGUAGE": "klingon"},
            ["MAIL_LANGUAGE is 'klingon'"],
        ),
    ],
)
def test_in_production_mail_needs_a_server_and_a_sender(variables, complaints):
    said = complaint_with(PRODUCTION | {"MAIL_NOTICES": "true"} | variables)

    assert [sentence.split(";")[0] for sentence in said] == complaints


@pytest.mark.parametrize("sender", ["orders@shop.example", "Büro & Co <orders@shop.example>"])
def test_with_both_it_starts(sender):
    found = settings_with(
        PRODUCTION | {"MAIL_NOTICES": "true", "EMAIL_URL": "smtps://u:p@mail", "DEFAULT_FROM_EMAIL": sender}
    )

    assert (found["EMAIL_USE_SSL"], found["EMAIL_PORT"], found["DEFAULT_FROM_EMAIL"]) == (True, 465, sender)
