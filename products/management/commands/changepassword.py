from argparse import ArgumentParser
from getpass import getpass, getuser
from typing import Any

from django.contrib.auth.forms import SetPasswordForm
from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError

from products.auth import save_password

MAX_TRIES = 3


class Command(BaseCommand):
    help = "Change a user's password, and nothing else of the user that changes while it is typed."
    requires_migrations_checks = True
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("username", nargs="?", help="Whose password; by default the system user's.")

    def handle(self, *args: Any, username: str | None, **options: Any) -> str:
        username = User.normalize_username(username or getuser())
        try:
            user = User.objects.get(username=username)
        except User.DoesNotExist:
            raise CommandError(f"user '{username}' does not exist") from None
        self.stdout.write(f"Changing password for user '{user}'")
        for _ in range(MAX_TRIES):
            form = SetPasswordForm(
                user, {"new_password1": self._ask("Password: "), "new_password2": self._ask("Password (again): ")}
            )
            if form.is_valid():
                break
            self.stderr.write("\n".join(str(message) for messages in form.errors.values() for message in messages))
        else:
            raise CommandError(f"Aborting password change for user '{user}' after {MAX_TRIES} attempts")
        form.save(commit=False)
        try:
            save_password(user)
        except User.DoesNotExist:
            raise CommandError(f"user '{user}' has been deleted meanwhile") from None
        return f"Password changed successfully for user '{user}'"

    def _ask(self, prompt: str) -> str:
        password = getpass(prompt)
        if not password:
            raise CommandError("aborted")
        return password
