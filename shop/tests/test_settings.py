import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from django.db import connection

from shop.db import engines
from shop.env import A_POSTGRESQL

ROOT = Path(__file__).resolve().parents[2]

PRODUCTION = {
    "DEBUG": "false",
    "SECRET_KEY": "kT3vQ9xR7mZ2wB8nL5cY1jF6hD4gS0pAuEiOqWrTyXsVbNmKlJhG",
    "ALLOWED_HOSTS": "shop.example.com",
    "DATABASE_URL": "postgres://shop:secret@db.example:5432/shop",
}

SQLITE_AS_ASKED = {
    "journal_mode": "wal",
    "synchronous": 2,
    "busy_timeout": 20_000,
    "foreign_keys": 1,
    "recursive_triggers": 1,
}

CONNECTING = {"connect_timeout": 2, "keepalives_idle": 30, "keepalives_interval": 5, "keepalives_count": 3}

SHOW_SETTINGS = """
import json
from shop import settings
print(json.dumps({name: value for name, value in vars(settings).items() if name.isupper()}, default=str))
"""


def python(code, environment, *, folder=ROOT):
    command = [sys.executable, "-W", "error", "-c", code]
    environment = {"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1", **environment}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)


def settings_with(environment, **place):
    """Return the settings of a process with this environment and no other variables."""
    process = python(SHOW_SETTINGS, environment, **place)
    assert process.stderr == ""
    return json.loads(process.stdout)


def complaint_with(environment):
    process = python("from shop import settings", environment)
    assert process.returncode == 1
    _, _, sentences = process.stderr.partition("The configuration is invalid:\n")
    return sentences.splitlines()


def test_a_bare_clone_is_a_laptop_wherever_it_is_started_from(tmp_path):
    settings = settings_with({}, folder=tmp_path)

    assert settings["DEBUG"] is True
    assert settings["ALLOWED_HOSTS"] == ["localhost", "127.0.0.1", "[::1]"]
    assert settings["SESSION_COOKIE_SECURE"] is False
    assert settings["SECURE_HSTS_SECONDS"] == 0
    assert settings["PAY_WITHIN"] is None
    database = settings["DATABASES"]["default"]
    assert database["ENGINE"] == "django.db.backends.sqlite3"
    assert database["NAME"] == str(ROOT / "db.sqlite3")
    assert database["OPTIONS"] == {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA recursive_triggers=ON",
    }


def test_production_says_at_once_everything_that_it_needs():
    needs = [sentence.split(";")[0] for sentence in complaint_with({"DEBUG": "false"})]

    assert needs == [
        "SECRET_KEY is not set, and DEBUG=false needs it",
        "ALLOWED_HOSTS is not set, and DEBUG=false needs it",
        "DATABASE_URL is not set, and DEBUG=false needs it",
    ]


def test_production_refuses_orders_in_memory_hosts_that_are_addresses_and_origins_that_are_not():
    environment = PRODUCTION | {
        "DATABASE_URL": "sqlite:///:memory:",
        "ALLOWED_HOSTS": "https://shop.example.com",
        "CSRF_TRUSTED_ORIGINS": "shop.example.com",
    }

    assert complaint_with(environment) == [
        "ALLOWED_HOSTS is 'https://shop.example.com'; write host names separated by commas, without https:// and"
        " without a port.",
        "DATABASE_URL names a database in memory, which forgets every order; write sqlite:////path/to/file.",
        "CSRF_TRUSTED_ORIGINS is 'shop.example.com'; write origins separated by commas, such as"
        " https://shop.example.com.",
    ]


def test_how_long_a_catalogue_may_be_kept_is_asked_of_a_public_one_only():
    assert complaint_with(PRODUCTION | {"CATALOGUE_MAX_AGE_SECONDS": "30"}) == [
        "CATALOGUE_MAX_AGE_SECONDS is for a public catalogue; write CATALOGUE_IS_PUBLIC=true, or remove it."
    ]
    assert (
        settings_with(PRODUCTION | {"CATALOGUE_MAX_AGE_SECONDS": "30", "CATALOGUE_IS_PUBLIC": "true"})[
            "CATALOGUE_MAX_AGE"
        ]
        == 30
    )


def test_a_replica_is_connected_to_as_the_primary_is_and_read_by_way_of_the_router():
    settings = settings_with(PRODUCTION | {"DATABASE_REPLICA_URL": "postgres://reader:secret@copy.example/shop"})

    primary, replica = settings["DATABASES"]["default"], settings["DATABASES"]["replica"]
    own = {"HOST": "copy.example", "PORT": "", "USER": "reader", "TEST": {"MIRROR": "default"}}
    assert replica == primary | own
    assert settings["DATABASE_ROUTERS"] == ["shop.db.replica.ReplicaRouter"]
    assert "shop.middleware.ReplicaMiddleware" in settings["MIDDLEWARE"]


def test_without_a_replica_there_is_nothing_of_it():
    settings = settings_with(PRODUCTION)

    assert [*settings["DATABASES"]] == ["default"]
    assert "DATABASE_ROUTERS" not in settings
    assert "shop.middleware.ReplicaMiddleware" not in settings["MIDDLEWARE"]


def test_a_replica_is_a_postgresql_beside_another_one():
    replica = {"DATABASE_REPLICA_URL": "postgres://shop:secret@copy.example/shop"}

    assert complaint_with({**PRODUCTION, **replica, "DATABASE_URL": "sqlite:////data/shop.sqlite3"}) == [
        "DATABASE_REPLICA_URL is for PostgreSQL, and DATABASE_URL names SQLite; remove it."
    ]
    assert complaint_with(PRODUCTION | {"DATABASE_REPLICA_URL": "sqlite:////data/shop.sqlite3"}) == [
        f"DATABASE_REPLICA_URL is not usable; write {A_POSTGRESQL}, or remove it."
    ]


def test_a_key_that_is_replaced_is_accepted_beside_the_new_one():
    settings = settings_with(PRODUCTION | {"SECRET_KEY_FALLBACKS": PRODUCTION["SECRET_KEY"][::-1]})

    assert settings["SECRET_KEY"] == PRODUCTION["SECRET_KEY"]
    assert settings["SECRET_KEY_FALLBACKS"] == [PRODUCTION["SECRET_KEY"][::-1]]


def test_production_on_postgresql_waits_for_nothing_for_ever():
    settings = settings_with(PRODUCTION)

    assert settings["DEBUG"] is False
    assert settings["SESSION_COOKIE_SECURE"] is True
    assert settings["CSRF_COOKIE_SECURE"] is True
    assert settings["SECURE_HSTS_SECONDS"] == 31_536_000
    assert "SECURE_PROXY_SSL_HEADER" not in settings
    assert settings["DATABASES"]["default"] == {
        "ENGINE": "shop.db.postgresql",
        "USER": "shop",
        "PASSWORD": "secret",
        "HOST": "db.example",
        "PORT": 5432,
        "NAME": "shop",
        "CONN_MAX_AGE": 600,
        "CONN_HEALTH_CHECKS": True,
        "DISABLE_SERVER_SIDE_CURSORS": False,
        "OPTIONS": {
            **CONNECTING,
            "options": "-c lock_timeout=1000 -c statement_timeout=4000 -c idle_in_transaction_session_timeout=30000",
        },
    }


def test_what_the_database_url_says_is_kept_and_wins():
    url = PRODUCTION["DATABASE_URL"] + "?sslmode=verify-full&connect_timeout=4&options=-c%20lock_timeout%3D9"

    settings = settings_with(PRODUCTION | {"DATABASE_URL": url, "STATEMENT_TIMEOUT_SECONDS": "0"})

    assert settings["DATABASES"]["default"]["OPTIONS"] == {
        **CONNECTING,
        "sslmode": "verify-full",
        "connect_timeout": 4,
        "options": "-c lock_timeout=1000 -c statement_timeout=0 -c idle_in_transaction_session_timeout=30000"
        " -c lock_timeout=9",
    }


def test_behind_pgbouncer_nothing_is_asked_that_it_refuses():
    settings = settings_with(PRODUCTION | {"BEHIND_PGBOUNCER": "true"})

    assert settings["DATABASES"]["default"]["OPTIONS"] == CONNECTING
    assert settings["DATABASES"]["default"]["DISABLE_SERVER_SIDE_CURSORS"] is True


@pytest.mark.parametrize("behind_pgbouncer", [True, False])
def test_the_options_in_the_url_come_last(behind_pgbouncer):
    given = {"OPTIONS": {"options": "-c lock_timeout=9"}}

    database = engines.postgresql(given, statement_timeout=4, behind_pgbouncer=behind_pgbouncer)

    assert database["OPTIONS"]["options"].endswith("-c lock_timeout=9")
    assert ("statement_timeout" in database["OPTIONS"]["options"]) is not behind_pgbouncer


def test_any_sqlite_file_is_set_up_for_writers_that_wait_for_each_other():
    settings = settings_with(PRODUCTION | {"DATABASE_URL": "sqlite:////data/shop.sqlite3?timeout=5"})

    database = settings["DATABASES"]["default"]
    assert database["NAME"] == "/data/shop.sqlite3"
    assert database["OPTIONS"]["timeout"] == 5
    assert database["OPTIONS"]["transaction_mode"] == "IMMEDIATE"


def test_only_behind_a_proxy_of_ours_is_its_word_on_https_taken():
    settings = settings_with(PRODUCTION | {"TRUSTED_PROXIES": "1"})

    assert settings["SECURE_PROXY_SSL_HEADER"] == ["HTTP_X_FORWARDED_PROTO", "https"]


@pytest.mark.django_db
@pytest.mark.skipif(connection.vendor != "sqlite", reason="asks SQLite")
def test_sqlite_keeps_what_it_has_acknowledged_in_a_file_that_many_can_open():
    with connection.cursor() as cursor:
        answers = {name: cursor.execute(f"PRAGMA {name}").fetchone()[0] for name in SQLITE_AS_ASKED}

    assert answers == SQLITE_AS_ASKED
    assert Path(connection.settings_dict["NAME"]).is_file()


@pytest.mark.django_db
@pytest.mark.skipif(connection.vendor != "postgresql", reason="asks PostgreSQL")
def test_postgresql_knows_how_long_to_wait():
    with connection.cursor() as cursor:
        cursor.execute("SHOW lock_timeout")
        assert cursor.fetchone() == ("1s",)
        cursor.execute("SHOW statement_timeout")
        assert cursor.fetchone() == ("4s",)


@pytest.mark.parametrize(("given", "milliseconds"), [({}, 0), ({"STATEMENT_TIMEOUT_SECONDS": "9"}, 9_000)])
def test_a_chore_may_take_its_time_but_waits_for_no_lock(given, milliseconds):
    show = "from django.db import connection; print(connection.settings_dict['OPTIONS']['options'])"
    command = [sys.executable, str(ROOT / "manage.py"), "shell", "--verbosity", "0", "--command", show]

    process = subprocess.run(command, env=PRODUCTION | given, capture_output=True, text=True)

    assert process.stderr == ""
    assert f"lock_timeout=1000 -c statement_timeout={milliseconds} " in process.stdout


@pytest.mark.django_db
def test_a_password_is_stored_with_argon2_at_owasps_minimum(django_user_model):
    alice = django_user_model.objects.create_user("alice", password="correct horse battery")

    assert alice.password.startswith("argon2$argon2id$v=19$m=19456,t=2,p=1$")
    assert alice.check_password("correct horse battery")


def test_a_laptop_serves_the_admins_looks_without_collecting_them_first(client):
    looks = client.get("/static/admin/css/base.css")

    assert looks.status_code == 200
    assert b"--primary" in b"".join(looks)


@pytest.mark.parametrize("prefix", ["", "/shop", "/a.b/c"])
def test_a_prefix_is_part_of_every_path_that_the_settings_have(prefix):
    settings = settings_with(PRODUCTION | {"SCRIPT_NAME": prefix})
    exempt = [re.compile(pattern) for pattern in settings["SECURE_REDIRECT_EXEMPT"]]

    def is_exempt(path):  # as Django's SecurityMiddleware sees it
        return any(pattern.search(f"{prefix}{path}".lstrip("/")) for pattern in exempt)

    assert settings["FORCE_SCRIPT_NAME"] == (prefix or None)
    assert settings["STATIC_URL"] == f"{prefix}/static/"
    assert settings["SPECTACULAR_SETTINGS"]["SERVERS"] == [{"url": prefix or "/"}]
    assert all(is_exempt(path) for path in ("/api", "/api/orders", "/api-token-auth/", "/health/live", "/metrics"))
    assert not any(is_exempt(path) for path in ("/", "/admin/", "/api/docs", "/apix", "/x/api/orders"))


@pytest.mark.parametrize("prefix", ["shop", "/shop/", "/", "//shop", "/a b", "/shop?x", "https://shop.example/"])
def test_a_prefix_that_is_no_path_is_refused(prefix):
    assert complaint_with({"SCRIPT_NAME": prefix}) == [
        f"SCRIPT_NAME is {prefix!r}; write a path such as /shop, without a slash at its end."
    ]


@pytest.mark.parametrize(
    ("environment", "sentences"),
    [
        ({"TAX_RATES": "standard:19"}, []),
        ({"SHIPPING_TAX_CLASS": "books"}, []),
        ({"TAX_RATES": "standard:19,books:7", "SHIPPING_TAX_CLASS": "books"}, []),
        (
            {"TAX_RATES": "standard:19", "SHIPPING_TAX_CLASS": "books"},
            ["SHIPPING_TAX_CLASS is 'books'; write one of the classes in TAX_RATES."],
        ),
        ({"CURRENCY": "KWD", "SHIPPING_FEE": "0.125", "FREE_SHIPPING_FROM": "9.125"}, []),
        (
            {"CURRENCY": "JPY", "SHIPPING_FEE": "4.9", "FREE_SHIPPING_FROM": "0.5"},
            [
                "SHIPPING_FEE is '4.9'; write an amount without decimals, such as 490.",
                "FREE_SHIPPING_FROM is '0.5'; write an amount without decimals, such as 490, or remove it.",
            ],
        ),
    ],
)
def test_rates_and_fees_fit_together_and_the_currency(environment, sentences):
    process = python("from shop import settings", environment)

    assert process.stderr.partition("The configuration is invalid:\n")[2].splitlines() == sentences
    assert process.returncode == (1 if sentences else 0)


SHOW_ADMIN = """
import django
django.setup()
from django.urls import reverse
from shop.csp import HEADERS
print(reverse("admin:login"), *HEADERS)
"""


def test_the_admin_and_its_content_policy_move_with_its_path():
    process = python(SHOW_ADMIN, {"DJANGO_SETTINGS_MODULE": "shop.settings", "ADMIN_URL": "back-office/staff/"})

    assert process.stdout.split() == ["/back-office/staff/login/", "/back-office/staff/", "/api/docs/"]


@pytest.mark.parametrize("path", ["/admin/", "admin", "api/", "api/admin/", "static/admin/", "health/", "a b/", "../"])
def test_a_path_of_the_admin_that_cannot_be_served_is_refused(path):
    [complaint] = complaint_with({"ADMIN_URL": path})

    assert complaint.startswith(f"ADMIN_URL is {path!r}; write a path such as back-office/, with a slash at its end")
