from django.contrib.auth.hashers import Argon2PasswordHasher


class Argon2(Argon2PasswordHasher):
    """Argon2id at OWASP's minimum: some 25 ms a login. Django's own figures take 100 MiB and eight threads each."""

    memory_cost = 19_456  # KiB
    time_cost = 2
    parallelism = 1
