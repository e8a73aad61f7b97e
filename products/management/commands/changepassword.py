"""`manage.py changepassword`, which writes the password and nothing else."""

import getpass
from typing import Any

from django.contrib.auth.management.commands import changepassword
from django.contrib.auth.models import User
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.management.base import CommandError

MAX_TRIES = 3


class Command(changepassword.Command):
    """Replaces Django's command, which saves the whole user as it was before the prompts.

    With that, an account that is deactivated while somebody types a password is active again.
    """

    def handle(self, *args: Any, **options: Any) -> str:
        name = User.normalize_username(options["username"] or getpass.getuser())
        users = User.objects.using(options["database"])
        user = users.filter(username=name).first()
        if user is None:
            raise CommandError(f"user '{name}' does not exist")
        self.stdout.write(f"Changing password for user '{user}'")
        user.set_password(self._ask_for_password(user))
        if not users.filter(pk=user.pk).update(password=user.password):
            raise CommandError(f"user '{user}' was deleted meanwhile")
        return f"Password changed successfully for user '{user}'"

    def _ask_for_password(self, user: User) -> str:
        for _ in range(MAX_TRIES):
            password, again = getpass.getpass("Password: "), getpass.getpass("Password (again): ")
            if not password:
                raise CommandError("aborted")
            if password != again:
                self.stdout.write("Passwords do not match. Please try again.")
                continue
            try:
                validate_password(password, user)
            except ValidationError as error:
                self.stderr.write("\n".join(error.messages))
            else:
                return password
        raise CommandError(f"Aborting password change for user '{user}' after {MAX_TRIES} attempts")
