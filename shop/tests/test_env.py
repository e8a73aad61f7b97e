import re
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from shop.env import A_POSTGRESQL, Environment

ROOT = Path(__file__).resolve().parents[2]
A_GOOD_KEY = "kT3vQ9xR7mZ2wB8nL5cY1jF6hD4gS0pAuEiOqWrTyXsVbNmKlJhG"


def complaint(env):
    """Return the sentences that the operator reads, without the heading."""
    with pytest.raises(ImproperlyConfigured) as refusal:
        env.raise_errors()
    heading, *sentences = str(refusal.value).splitlines()
    assert heading == "The configuration is invalid:"
    return sentences


def a_file(folder, *, content):
    path = folder / "mounted"
    path.write_bytes(content)
    return str(path)


# What is understood


@pytest.mark.parametrize("text", ["true", "1", "yes", "on", "True", "YES", " on "])
def test_these_words_mean_true(text):
    assert Environment({"DEBUG": text}).boolean("DEBUG", default=False) is True


@pytest.mark.parametrize("text", ["false", "0", "no", "off", "False", "NO", " off "])
def test_these_words_mean_false(text):
    assert Environment({"DEBUG": text}).boolean("DEBUG", default=True) is False


def test_a_number_is_read_within_its_bounds():
    env = Environment({"PROXIES": "0", "THREADS": "8"})

    assert env.integer("PROXIES", default=3, maximum=8) == 0
    assert env.integer("THREADS", default=3, maximum=8) == 8


def test_days_and_minutes_become_spans_of_time():
    env = Environment({"LIFETIME_DAYS": "2", "WINDOW_MINUTES": "20", "PAY_MINUTES": "90"})

    assert env.days("LIFETIME_DAYS", default=30, minimum=1, maximum=3650) == timedelta(days=2)
    assert env.minutes("WINDOW_MINUTES", default=15, minimum=1, maximum=60) == timedelta(minutes=20)
    assert env.optional_minutes("PAY_MINUTES", minimum=1, maximum=100) == timedelta(minutes=90)


def test_names_are_parted_by_commas_with_or_without_spaces():
    env = Environment({"HOSTS": "shop.example.com, api.example.com,localhost"})

    hosts = env.names("HOSTS", default=[], pattern=r"[a-z.]+", expected="hosts")

    assert hosts == ["shop.example.com", "api.example.com", "localhost"]


def test_a_name_that_is_repeated_counts_once():
    env = Environment({"HOSTS": "b,a,b, a"})

    assert env.names("HOSTS", default=[], pattern=r"[a-z.]+", expected="hosts") == ["b", "a"]


def test_a_choice_and_a_text_are_taken_without_the_spaces_around_them():
    env = Environment({"LEVEL": " INFO ", "CURRENCY": " CHF "})

    assert env.choice("LEVEL", default="ERROR", choices=["INFO", "ERROR"]) == "INFO"
    assert env.text("CURRENCY", default="EUR", pattern="[A-Z]{3}", expected="a currency") == "CHF"


def test_percentages_have_names():
    env = Environment({"RATES": " standard:19, reduced:7.5,zero:0,all:100,a-b_9:5.125 "})

    rates = env.percentages("RATES", default={}, needed="standard")

    written = {"standard": "19.000", "reduced": "7.500", "zero": "0.000", "all": "100.000", "a-b_9": "5.125"}
    assert {name: str(rate) for name, rate in rates.items()} == written
    assert env.errors == []


@pytest.mark.parametrize(
    "text",
    [
        "reduced:7",
        "standard:19,standard:7",
        "standard:100.001",
        "standard:101",
        "standard:-1",
        "standard:7.1234",
        "standard:1e1",
        "standard:NaN",
        "standard:",
        "standard",
        "standard:19,",
        "standard:19,Reduced:7",
        "standard:19,:7",
        "standard:19:7",
        "standard:19," + 31 * "x" + ":7",
    ],
)
def test_what_are_no_percentages_are_refused(text):
    env = Environment({"RATES": text})

    assert env.percentages("RATES", default={}, needed="standard") == {}
    assert complaint(env) == [
        f"RATES is {text!r}; write names with percentages from 0 to 100, as in standard:19,reduced:7, of which one is "
        "standard."
    ]


@pytest.mark.parametrize(
    ("text", "digits"), [("4.90", 2), ("4.9", 2), ("4", 2), ("490", 0), ("0", 2), ("4.905", 3), ("99999999.99", 2)]
)
def test_an_amount_has_at_most_the_decimals_of_its_currency(text, digits):
    env = Environment({"FEE": text})

    assert str(env.amount("FEE", default=Decimal(0), digits=digits)) == text
    assert str(env.optional_amount("FEE", digits=digits)) == text
    assert env.errors == []


@pytest.mark.parametrize(
    ("text", "digits", "example"),
    [
        ("4.905", 2, "an amount such as 4.90"),
        ("4.9", 0, "an amount without decimals, such as 490"),
        ("-1", 2, "an amount such as 4.90"),
        ("100000000", 2, "an amount such as 4.90"),
        ("4,90", 2, "an amount such as 4.90"),
        ("4.", 2, "an amount such as 4.90"),
        ("NaN", 3, "an amount such as 4.900"),
        ("1e3", 2, "an amount such as 4.90"),
    ],
)
def test_what_is_no_amount_is_refused(text, digits, example):
    env = Environment({"FEE": text})

    assert env.amount("FEE", default=Decimal(7), digits=digits) == 7
    assert env.optional_amount("FEE", digits=digits) is None
    assert complaint(env) == [f"FEE is {text!r}; write {example}.", f"FEE is {text!r}; write {example}, or remove it."]


@pytest.mark.parametrize("variables", [{}, {"N": "", "SPAN": "", "HOSTS": " ", "LEVEL": "", "KEY": "", "DATABASE": ""}])
def test_what_is_not_set_or_empty_has_its_default(variables):
    env = Environment(variables)

    assert env.boolean("FLAG", default=True) is True
    assert env.integer("N", default=7, maximum=9) == 7
    assert env.optional_minutes("SPAN", minimum=1, maximum=9) is None
    assert env.names("HOSTS", default=["localhost"], pattern=".*", expected="hosts") == ["localhost"]
    assert env.choice("LEVEL", default="INFO", choices=["INFO"]) == "INFO"
    assert env.secret_key("KEY", default="laptop", required=False) == "laptop"
    assert env.database("DATABASE", default="sqlite:///shop.sqlite3", required=False)["NAME"] == "shop.sqlite3"
    env.raise_errors()


# What is refused


@pytest.mark.parametrize("text", ["maybe", "", "2", "tru", "true false"])
def test_any_other_word_is_neither_true_nor_false(text):
    env = Environment({"DEBUG": text})

    env.boolean("DEBUG", default=True)

    shown = repr(text) if text else "not usable"
    assert complaint(env) == [f"DEBUG is {shown}; write true or false."]


@pytest.mark.parametrize("text", ["0", "11", "-1", "+5", "5.0", "1e1", "1_0", "0x5", "５", "five", "9" * 5000])
def test_a_number_is_whole_written_in_ascii_digits_and_within_its_bounds(text):
    env = Environment({"THREADS": text})

    assert env.integer("THREADS", default=4, minimum=1, maximum=10) == 4
    assert complaint(env) == [f"THREADS is '{text}'; write a whole number from 1 to 10."]


def test_a_span_that_may_be_left_out_says_so():
    env = Environment({"PAY_WITHIN_MINUTES": "never"})

    env.optional_minutes("PAY_WITHIN_MINUTES", minimum=1, maximum=10)

    assert complaint(env) == ["PAY_WITHIN_MINUTES is 'never'; write a whole number from 1 to 10, or remove it."]


def test_a_choice_lists_what_there_is_to_choose_from():
    env = Environment({"LEVEL": "LOUD"})

    env.choice("LEVEL", default="INFO", choices=["INFO", "ERROR"])

    assert complaint(env) == ["LEVEL is 'LOUD'; write one of INFO, ERROR."]


@pytest.mark.parametrize("text", ["a.example,,b.example", "a.example,", "a.example b.example"])
def test_every_name_in_a_list_has_to_fit(text):
    env = Environment({"HOSTS": text})

    env.names("HOSTS", default=[], pattern=r"[a-z.]+", expected="host names separated by commas")

    assert complaint(env) == [f"HOSTS is '{text}'; write host names separated by commas."]


def test_everything_that_is_wrong_is_said_at_once():
    env = Environment({"DEBUG": "maybe", "THREADS": "many"})

    env.boolean("DEBUG", default=True)
    env.integer("THREADS", default=4, maximum=10)
    env.names("HOSTS", default=[], pattern=".*", expected="host names", required=True)
    env.add_error("These two do not go together.")

    assert complaint(env) == [
        "DEBUG is 'maybe'; write true or false.",
        "THREADS is 'many'; write a whole number from 0 to 10.",
        "HOSTS is not set, and DEBUG=false needs it; write host names.",
        "These two do not go together.",
    ]


# Secrets


@pytest.mark.parametrize(
    "key",
    [
        "hunter2",
        A_GOOD_KEY[:49],
        "abcabcabc" * 10,
        "django-insecure-" + A_GOOD_KEY,
        "laptop only: every clone of Shop has this key, so it protects nothing",
    ],
)
def test_production_refuses_a_key_that_can_be_guessed_without_showing_it(key):
    env = Environment({"SECRET_KEY": key})

    env.secret_key("SECRET_KEY", default="", required=True)

    [sentence] = complaint(env)
    assert sentence.startswith("SECRET_KEY is not usable; write 50 or more random characters;")
    assert key not in sentence


def test_production_takes_a_key_that_cannot_be_guessed_and_a_laptop_any():
    assert Environment({"SECRET_KEY": A_GOOD_KEY}).secret_key("SECRET_KEY", default="", required=True) == A_GOOD_KEY
    assert Environment({"SECRET_KEY": "simple"}).secret_key("SECRET_KEY", default="", required=False) == "simple"


# Mounted files


@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n"])
def test_a_mounted_file_holds_the_value_and_its_last_line_end_is_not_part_of_it(tmp_path, end):
    env = Environment({"SECRET_KEY_FILE": a_file(tmp_path, content=A_GOOD_KEY.encode() + end)})

    assert env.secret_key("SECRET_KEY", default="", required=True) == A_GOOD_KEY
    env.raise_errors()


def test_every_kind_of_variable_can_come_from_a_file(tmp_path):
    env = Environment({"THREADS_FILE": a_file(tmp_path, content=b"6\n")})

    assert env.integer("THREADS", default=4, maximum=10) == 6


def test_a_variable_and_its_file_cannot_both_be_set(tmp_path):
    env = Environment({"THREADS": "6", "THREADS_FILE": a_file(tmp_path, content=b"6\n")})

    env.integer("THREADS", default=4, maximum=10)

    assert complaint(env) == ["THREADS and THREADS_FILE are both set; keep one of them."]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "THREADS_FILE names an empty file."),
        (b"\n", "THREADS_FILE names an empty file."),
        (b"\xff\xfe", "THREADS_FILE names a file that is not UTF-8 text."),
        (b"hunter2\n", "THREADS is not usable; write a whole number from 0 to 10."),
    ],
)
def test_a_file_with_nothing_usable_in_it_is_named_without_its_content(tmp_path, content, sentence):
    env = Environment({"THREADS_FILE": a_file(tmp_path, content=content)})

    env.integer("THREADS", default=4, maximum=10)

    assert complaint(env) == [sentence]


def test_a_secret_written_where_its_path_belongs_is_not_shown():
    env = Environment({"SECRET_KEY_FILE": "hunter2"})

    env.secret_key("SECRET_KEY", default="", required=True)

    assert complaint(env) == ["SECRET_KEY_FILE names a file that cannot be read: No such file or directory."]


# Databases


@pytest.mark.parametrize(
    ("url", "entry"),
    [
        ("sqlite:///shop.sqlite3", {"NAME": "shop.sqlite3"}),
        ("sqlite:////data/shop.sqlite3", {"NAME": "/data/shop.sqlite3"}),
        ("sqlite:///:memory:", {"NAME": ":memory:"}),
        (
            "postgres://shop:p%40ss%2Fword@db.example:5433/orders",
            {"USER": "shop", "PASSWORD": "p@ss/word", "HOST": "db.example", "PORT": 5433, "NAME": "orders"},
        ),
        ("postgresql://shop@[::1]:5432/orders", {"HOST": "::1", "PORT": 5432, "NAME": "orders"}),
        ("postgres://shop@%2Fvar%2Frun%2FPG/orders", {"HOST": "/var/run/PG", "NAME": "orders"}),
        ("postgres://shop:x@//cloudsql/pro:reg:inst/orders", {"HOST": "/cloudsql/pro:reg:inst", "NAME": "orders"}),
        ("postgres://shop@/orders?host=/cloudsql/a:b:c", {"NAME": "orders", "OPTIONS": {"host": "/cloudsql/a:b:c"}}),
        (
            "postgres://shop:x@one:5433,other/orders?target_session_attrs=read-write",
            {
                "PASSWORD": "x",
                "HOST": "one,other",
                "PORT": "5433,5432",
                "NAME": "orders",
                "OPTIONS": {"target_session_attrs": "read-write"},
            },
        ),
        (
            "postgres://shop:a%2Cb@%2Fvar%2Frun,[::1]:5433/orders?target_session_attrs=primary",
            {"PASSWORD": "a,b", "HOST": "/var/run,::1", "PORT": "5432,5433"},
        ),
        ("postgres://shop:a,b@db/orders?target_session_attrs=any", {"PASSWORD": "a,b", "HOST": "db", "PORT": ""}),
        (" postgres://shop@db/orders?sslmode=verify-full\n", {"HOST": "db", "OPTIONS": {"sslmode": "verify-full"}}),
    ],
)
def test_a_database_url_says_where_the_orders_are(url, entry):
    env = Environment({"DATABASE_URL": url})

    database = env.database("DATABASE_URL", default="sqlite:///", required=True)

    env.raise_errors()
    assert {key: database[key] for key in entry} == entry


@pytest.mark.parametrize(
    "url",
    [
        "hunter2",
        "hunter2://db/orders",
        "mysql://shop:hunter2@db/orders",
        "postgres://shop:hunter2@db",
        "postgres://shop:hunter2@db/",
        "postgres://shop:hunter2@db:many/orders",
        "postgres://shop:hunter2@[::1/orders",
        "postgres://shop:hunter2@home@/db/orders",
        "postgres://shop:1/hunter2@db/orders",
        "postgres://shop:hunter2#1@db/orders",
        "postgres://shop:hunter2?1@db/orders",
        "postgres://shop:hunter2@one,/orders?target_session_attrs=read-write",
        "postgres://shop:hunter2@,other/orders?target_session_attrs=read-write",
        "postgres://shop:hunter2@one:many,other/orders?target_session_attrs=read-write",
        "postgres://shop:hunter2@/orders?host=one,other&port=1,2,3&target_session_attrs=read-write",
        "postgres://shop:hunter2@/orders?host=one&port=1,2",
        "postgres://shop:hunter2@one,other/orders",
        "postgres://shop:hunter2@/orders?host=one,other",
        "postgres://shop:hunter2@one,other/orders?target_session_attrs=any",
        "postgres://shop:hunter2@one,other/orders?target_session_attrs=prefer-standby",
        "postgres://shop:hunter2@one,other/orders?target_session_attrs=writable",
        "postgres://shop:hunter2@db/orders?target_session_attrs=writable",
        "mysql://shop:hunter2@one,other/orders?target_session_attrs=read-write",
    ],
)
def test_a_database_url_that_says_nothing_usable_is_refused_without_its_password(url):
    env = Environment({"DATABASE_URL": url})

    env.database("DATABASE_URL", default="sqlite:///shop.sqlite3", required=True)

    assert complaint(env) == [f"DATABASE_URL is not usable; write {A_POSTGRESQL}, or sqlite:////path/to/file."]


def test_nothing_but_env_reads_the_environment():
    sources = [path for folder in ("shop", "products") for path in (ROOT / folder).rglob("*.py")]
    readers = [
        str(path.relative_to(ROOT))
        for path in sources
        if "tests" not in path.parts and re.search(r"\benvironb?\b(?!\.setdefault)|\bgetenvb?\b", path.read_text())
    ]

    assert readers == ["shop/env.py"]
