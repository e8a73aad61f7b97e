"""manage.py send_mail_notices."""

import os
import signal
import threading
import time

import pytest
from django.core import mail as django_mail
from django.core.management import call_command

from products.management.commands import send_mail_notices
from products.models import Mail, MailCursor

pytestmark = pytest.mark.django_db


def test_once_sends_what_is_due_and_says_how_much(an_order, capsys):
    an_order()
    an_order()

    call_command("send_mail_notices", "--once")

    assert capsys.readouterr().out == "Mails: 2 sent, 0 postponed, 0 failed.\n"
    assert len(django_mail.outbox) == 2


def test_once_says_that_the_mail_server_cannot_be_used(an_order, settings, capsys):
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 9
    an_order()

    call_command("send_mail_notices", "--once")

    assert capsys.readouterr().out == "Mails: 0 sent, 1 postponed, 0 failed. The mail server cannot be used.\n"


@pytest.mark.parametrize("arguments", [[], ["--once"]])
def test_nothing_is_sent_while_mail_is_off(an_order, settings, capsys, arguments):
    settings.MAIL_NOTICES = False
    an_order()

    call_command("send_mail_notices", *arguments)

    assert capsys.readouterr().out.startswith("MAIL_NOTICES is off")
    assert (len(django_mail.outbox), Mail.objects.count(), MailCursor.objects.count()) == (0, 0, 0)


def test_mail_is_off_unless_it_is_switched_on(settings):
    assert settings.MAIL_NOTICES is False


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_it_after_the_mail_at_hand(an_order, monkeypatch, capsys, number):
    monkeypatch.setattr(send_mail_notices, "POLL", 0.05)
    before = signal.getsignal(number)
    an_order()

    def stop():
        deadline = time.monotonic() + 20
        while not django_mail.outbox and time.monotonic() < deadline:
            time.sleep(0.02)
        os.kill(os.getpid(), number)

    thread = threading.Thread(target=stop)
    thread.start()
    call_command("send_mail_notices")
    thread.join()

    assert capsys.readouterr().out == "Stopped.\n"
    assert signal.getsignal(number) == before
    assert list(Mail.objects.values_list("state", flat=True)) == ["sent"]
