"""Connections to PostgreSQL under faults. The tests start a PostgreSQL of their own."""

import contextlib
import gc
import os
import signal
import socket
import threading
import time
from types import SimpleNamespace

import psycopg2
import pytest
from django.db import OperationalError
from psycopg2 import extensions

from products.db.errors import is_unavailable, was_rolled_back
from products.tests.freezing import frozen
from products.tests.postgres import PostgresServer, free_port
from shop.db import engines, timeouts, url
from shop.db.postgresql.base import DatabaseWrapper
from shop.db.timeouts import limit_wait

KEPT = {"ATOMIC_REQUESTS": False, "AUTOCOMMIT": True, "CONN_MAX_AGE": 600, "TIME_ZONE": None}


@pytest.fixture(scope="module")
def cluster():
    with PostgresServer(tcp=True, max_connections=20) as server:
        yield server


@pytest.fixture
def server(cluster):
    """A running PostgreSQL, whatever the previous test did to it."""
    if cluster.pid is None:
        cluster.start()
    return cluster


@pytest.fixture
def read_only(server):
    """A second PostgreSQL with the same role and password, which only reads."""
    reader = PostgresServer(tcp=True, max_connections=20)
    reader.password = server.password
    with reader:
        reader.settings["default_transaction_read_only"] = "on"
        reader.restart()
        yield reader


@pytest.fixture
def connect(server, django_db_blocker):
    """Return a function that makes one of the shop's connections to the server, or to another port."""
    made = []

    def make(*, port=None, address=server.url):
        database = engines.postgresql(url.parse(address), statement_timeout=4, behind_pgbouncer=False)
        made.append(DatabaseWrapper(database | KEPT | ({"PORT": port} if port else {}), alias="tested"))
        return made[-1]

    with django_db_blocker.unblock():  # It guards the database of the other tests.
        yield make
        for connection in made:
            connection.close()


@pytest.fixture(autouse=True)
def _closed_circuit():
    timeouts.breakers.clear()
    yield
    timeouts.breakers.clear()


@pytest.fixture
def connection(connect):
    connection = connect()
    ask(connection)
    return connection


def ask(connection, statement="SELECT 1"):
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchone()[0]


def next_request(connection):
    """Do what Django does with a persistent connection between two requests."""
    connection.close_if_unusable_or_obsolete()


@contextlib.contextmanager
def proxy(port):
    """Forward connections to `port`, and drop all data once the event is set. Yields the proxy's port and the event."""
    swallows, pairs = threading.Event(), []
    listener = socket.create_server(("127.0.0.1", 0))

    def pass_on(source, target):
        with contextlib.suppress(OSError):
            while data := source.recv(65_536):
                if not swallows.is_set():
                    target.sendall(data)

    def serve():
        with contextlib.suppress(OSError):
            while True:
                client = listener.accept()[0]
                server = socket.create_connection(("127.0.0.1", port))
                pairs.append((client, server))
                for ends in ((client, server), (server, client)):
                    threading.Thread(target=pass_on, args=ends, daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield listener.getsockname()[1], swallows
    finally:
        listener.close()
        for one in (one for pair in pairs for one in pair):
            one.close()


def on_hosts(server, *ports):
    """Return a URL with several hosts, of which the shop takes the first that it can write to."""
    hosts = ",".join(f"127.0.0.1:{port}" for port in ports)
    return server.url.replace(f"127.0.0.1:{server.port}", hosts) + "?target_session_attrs=read-write"


def pid_of(connection):
    return connection.connection.info.backend_pid


@pytest.mark.parametrize("how", ["fast", "immediate", "crash"])
def test_a_kept_connection_to_a_server_that_was_restarted_is_made_anew_before_it_is_used(server, connection, how):
    server.restart(how)

    next_request(connection)

    assert ask(connection) == 1


def test_a_kept_connection_that_was_terminated_is_made_anew_before_it_is_used(server, connection):
    before = pid_of(connection)
    with contextlib.closing(psycopg2.connect(server.url)) as other:
        other.cursor().execute("SELECT pg_terminate_backend(%s, 5000)", [before])

    next_request(connection)

    assert ask(connection) == 1
    assert pid_of(connection) != before


def test_asking_whether_a_connection_is_usable_sends_no_statement(server, connection):
    ask(connection, "SELECT 'the last one'")
    pid = pid_of(connection)

    next_request(connection)
    connection.close_if_health_check_failed()

    with contextlib.closing(psycopg2.connect(server.url)) as other, other.cursor() as cursor:
        cursor.execute("SELECT query FROM pg_stat_activity WHERE pid = %s", [pid])
        assert cursor.fetchone() == ("SELECT 'the last one'",)
    assert pid_of(connection) == pid


def test_a_connection_that_was_never_made_or_is_closed_is_not_usable(connect, connection):
    connection.connection.close()

    assert not connection.is_usable()
    assert not connect().is_usable()


def test_a_state_that_psycopg2_does_not_document_ends_the_wait():
    class Confused:
        status, info = extensions.STATUS_READY, SimpleNamespace(host="db.internal", port=5432)

        def poll(self):
            return extensions.POLL_ERROR

    with pytest.raises(psycopg2.OperationalError, match="Unexpected state"):
        timeouts.wait(Confused())


def test_a_statement_to_a_frozen_database_ends_with_its_request(server, connection):
    began = time.monotonic()

    with frozen(server), limit_wait(1), pytest.raises(OperationalError) as raised:
        ask(connection)

    assert 0.9 < time.monotonic() - began < 2
    assert is_unavailable(raised.value)
    assert not was_rolled_back(raised.value)
    next_request(connection)
    assert ask(connection) == 1


def test_a_request_whose_time_is_used_up_does_not_wait_for_a_new_connection(server, connection):
    with frozen(server), limit_wait(1):
        with pytest.raises(OperationalError):
            ask(connection)
        connection.close()
        began = time.monotonic()
        with pytest.raises(OperationalError, match="did not answer in time"):
            ask(connection)
        assert time.monotonic() - began < 0.5


def test_connecting_to_a_frozen_database_ends_with_its_request(server, connect):
    connection = connect()
    began = time.monotonic()

    with frozen(server), limit_wait(4), pytest.raises(OperationalError) as raised:
        ask(connection)

    assert time.monotonic() - began < 4
    assert is_unavailable(raised.value)


def test_a_commit_that_is_not_answered_ends_with_its_request_and_may_have_been_done(server, connection):
    ask(connection, "CREATE TABLE IF NOT EXISTS done (at timestamptz); SELECT 1")
    connection.set_autocommit(False)
    ask(connection, "INSERT INTO done VALUES (now()) RETURNING 1")
    began = time.monotonic()

    with frozen(server), limit_wait(1), pytest.raises(OperationalError) as raised:
        connection.commit()

    assert time.monotonic() - began < 2
    assert is_unavailable(raised.value)
    assert not was_rolled_back(raised.value)


def test_a_connection_that_swallows_everything_ends_with_its_request(server, connect):
    with proxy(server.port) as (port, swallows):
        connection = connect(port=port)
        ask(connection)
        swallows.set()
        began = time.monotonic()

        with limit_wait(1), pytest.raises(OperationalError):
            ask(connection)

        assert time.monotonic() - began < 2


def test_a_request_in_time_is_left_alone_and_so_is_the_next_one(connection):
    with limit_wait(1):
        ask(connection)
    pid = pid_of(connection)
    with limit_wait(3):
        assert ask(connection, "SELECT 1 FROM pg_sleep(1.5)") == 1

    next_request(connection)
    assert ask(connection) == 1
    assert pid_of(connection) == pid


def test_only_waiting_for_the_database_counts(connection):
    with limit_wait(1):
        time.sleep(1.2)

        assert ask(connection, "SELECT 1 FROM pg_sleep(0.5)") == 1
        with pytest.raises(OperationalError):
            ask(connection, "SELECT 1 FROM pg_sleep(0.8)")


@pytest.mark.parametrize("seconds", [None, 0])
def test_without_a_limit_a_statement_may_take_its_time(connection, seconds):
    with limit_wait(seconds):
        assert ask(connection, "SELECT 1 FROM pg_sleep(1.5)") == 1


def test_a_limit_inside_another_one_ends_with_its_block(connection):
    with limit_wait(3):
        with limit_wait(0.5), pytest.raises(OperationalError):
            ask(connection, "SELECT 1 FROM pg_sleep(1)")
        connection.close()

        assert ask(connection, "SELECT 1 FROM pg_sleep(1)") == 1


def test_without_a_limit_connecting_ends_with_the_connect_timeout(server, connect):
    connection = connect()
    began = time.monotonic()

    with frozen(server), pytest.raises(OperationalError) as raised:
        ask(connection)

    assert 1.9 < time.monotonic() - began < 3
    assert is_unavailable(raised.value)


def test_a_refused_connection_is_reported_at_once(server, connect):
    connection = connect()
    server.stop()

    with limit_wait(5), pytest.raises(OperationalError) as raised:
        ask(connection)

    assert is_unavailable(raised.value)


def test_after_a_timeout_requests_fail_fast_until_the_database_answers(server, connection, connect):
    other, unlimited = connect(), connect()
    ask(other)
    ask(unlimited)

    with frozen(server):
        with limit_wait(1), pytest.raises(OperationalError):
            ask(connection)
        began = time.monotonic()
        with limit_wait(5), pytest.raises(OperationalError):
            ask(other)
        assert time.monotonic() - began < 1
    assert ask(unlimited, "SELECT 1 FROM pg_sleep(1)") == 1
    next_request(other)
    with limit_wait(5):
        assert ask(other, "SELECT 1 FROM pg_sleep(1)") == 1


def test_a_replica_that_hangs_does_not_make_requests_to_the_primary_fail_fast(connect, connection):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        replica = connect(port=silent.getsockname()[1])
        with limit_wait(1.1), pytest.raises(OperationalError, match="did not answer in time"):
            ask(replica)

    with limit_wait(5):
        assert ask(connection, "SELECT 1 FROM pg_sleep(0.5)") == 1


def test_failing_fast_does_not_prolong_itself_so_that_a_slow_database_gets_time_again(server, connection):
    breaker = timeouts.breakers["127.0.0.1", server.port]
    breaker.fails_fast_until = soon = time.monotonic() + 1

    with frozen(server), limit_wait(5), pytest.raises(OperationalError):
        ask(connection)

    assert time.monotonic() < soon
    assert breaker.fails_fast_until == soon


def test_a_notice_and_a_server_side_cursor_pass_through_the_wait_callback(connection):
    with limit_wait(5):
        assert ask(connection, "DO $$ BEGIN RAISE NOTICE 'hello'; END $$; SELECT 1") == 1
        with connection.chunked_cursor() as cursor:
            cursor.execute("SELECT * FROM generate_series(1, 5000)")
            assert sum(number for (number,) in iter(cursor.fetchone, None)) == 5000 * 5001 // 2


@pytest.fixture
def _interrupts_are_heard():
    """A job in the background ignores SIGINT, and so does Python then."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("_interrupts_are_heard")
def test_an_interrupted_statement_closes_the_connection(connection):
    def interrupt():
        time.sleep(0.3)
        # To the thread that waits: sent to this one, it would be heard of when the statement ends.
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()

    with pytest.raises(KeyboardInterrupt):
        ask(connection, "SELECT 1 FROM pg_sleep(5)")
    thread.join()

    next_request(connection)
    assert ask(connection) == 1


def test_a_closed_connection_leaves_no_descriptor_behind(connect):
    def descriptors():
        return len(os.listdir("/proc/self/fd"))

    gc.collect()
    before = descriptors()
    for _ in range(10):
        connection = connect()
        ask(connection)
        connection.close()
    for _ in range(10):
        connection = connect()
        ask(connection)
        connection.connection = None  # as when a thread ends
    gc.collect()

    assert descriptors() == before


def test_of_several_hosts_one_that_refuses_is_left_for_the_next(server, connect):
    connection = connect(address=on_hosts(server, free_port(), server.port))

    assert ask(connection, "SELECT current_setting('port')") == str(server.port)


def test_of_several_hosts_one_that_only_reads_is_left_for_the_next(server, connect, read_only):
    connection = connect(address=on_hosts(server, read_only.port, server.port))

    assert ask(connection, "SELECT current_setting('port')") == str(server.port)


def test_of_several_hosts_a_silent_one_is_left_for_the_next_in_time_and_soon_the_next_time(server, connect):
    with socket.create_server(("127.0.0.1", 0)) as silent:  # It accepts a connection, and never says a word.
        address = on_hosts(server, silent.getsockname()[1], server.port)
        with limit_wait(5.0):
            began = time.monotonic()
            first = ask(connect(address=address), "SELECT current_setting('port')")
            between = time.monotonic()
            second = ask(connect(address=address), "SELECT current_setting('port')")
            ended = time.monotonic()

    assert first == second == str(server.port)
    assert 2.0 <= between - began < 3.0
    assert ended - between < 1.0


def test_of_several_hosts_of_which_none_serves_each_is_named_with_its_reason(server, connect, read_only):
    refused = free_port()

    with pytest.raises(OperationalError) as failed:
        ask(connect(address=on_hosts(server, refused, read_only.port)))

    one, other = str(failed.value).split("; ")
    assert one.startswith(f"127.0.0.1:{refused}: ")
    assert one.endswith("Connection refused")
    assert other.startswith(f"127.0.0.1:{read_only.port}: ")
    assert other.endswith("session is read-only")
    assert server.password not in str(failed.value)
