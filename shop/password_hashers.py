"""Password hashers (settings.PASSWORD_HASHERS)."""

from django.contrib.auth.hashers import Argon2PasswordHasher


class Argon2(Argon2PasswordHasher):
    """Argon2id at OWASP's minimum, about 25 ms a login. Django's defaults take 100 MiB and eight threads for each."""

    memory_cost = 19_456  # KiB
    time_cost = 2
    parallelism = 1
