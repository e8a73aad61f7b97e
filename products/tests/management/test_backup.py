"""`manage.py backup`: what is copied, checked and refused."""

import re
import shutil
import sqlite3
import stat
from contextlib import closing

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from products.db.sqlite_backup import BackupFailed, back_up
from products.tests.side_by_side import on_postgresql

on_sqlite = pytest.mark.skipif(connection.vendor != "sqlite", reason="the database is not on SQLite")


@pytest.fixture
def database(tmp_path):
    """A database that is in use, with its open connection: row 1 is in the file, and row 2 only in the WAL."""
    file = tmp_path / "shop.sqlite3"
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("CREATE TABLE orders (id INTEGER PRIMARY KEY)")
        connection.execute("INSERT INTO orders VALUES (1)")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.execute("INSERT INTO orders VALUES (2)")
        yield file, connection


def orders_in(file):
    with closing(sqlite3.connect(file)) as connection:
        return [pk for (pk,) in connection.execute("SELECT id FROM orders ORDER BY id")]


def test_a_backup_has_what_a_copy_of_the_file_lacks(database, tmp_path):
    file, _ = database
    shutil.copyfile(file, tmp_path / "copied")

    size = back_up(file, tmp_path / "backup")

    assert orders_in(tmp_path / "copied") == [1]
    assert orders_in(tmp_path / "backup") == [1, 2]
    assert size == (tmp_path / "backup").stat().st_size


def test_a_backup_is_one_file_of_its_owners_that_can_be_read_anywhere(database, tmp_path):
    folder = tmp_path / "backups"
    folder.mkdir()

    back_up(database[0], folder / "backup")

    assert [path.name for path in folder.iterdir()] == ["backup"]
    assert stat.S_IMODE((folder / "backup").stat().st_mode) == 0o600
    with closing(sqlite3.connect(folder / "backup")) as backup:
        assert backup.execute("PRAGMA journal_mode").fetchone() == ("delete",)


def test_a_backup_does_not_wait_for_whoever_is_writing_and_has_nothing_of_it(database, tmp_path):
    file, writer = database
    writer.execute("BEGIN IMMEDIATE")
    writer.execute("INSERT INTO orders VALUES (3)")

    back_up(file, tmp_path / "backup")
    writer.execute("COMMIT")

    assert orders_in(tmp_path / "backup") == [1, 2]
    assert orders_in(file) == [1, 2, 3]


def test_a_backup_replaces_no_file(database, tmp_path):
    (tmp_path / "backup").write_text("the last one")

    with pytest.raises(BackupFailed, match=r"backup exists already; backups do not replace files\.$"):
        back_up(database[0], tmp_path / "backup")

    assert (tmp_path / "backup").read_text() == "the last one"


def test_a_damaged_database_is_no_backup(database, tmp_path):
    file, connection = database
    connection.executemany("INSERT INTO orders VALUES (?)", [(pk,) for pk in range(3, 3_000)])
    connection.execute("CREATE TABLE notes (text)")
    connection.executemany("INSERT INTO notes VALUES (?)", [("a note " * 50,) for _ in range(300)])
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with file.open("r+b") as content:
        content.seek(-20_000, 2)
        content.write(b"\xff" * 8_192)
    folder = tmp_path / "backups"
    folder.mkdir()

    with pytest.raises(BackupFailed, match=r"^The database is damaged|malformed"):
        back_up(file, folder / "backup")

    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("place", ["nowhere/backup", "shop.sqlite3/backup"])
def test_a_place_that_cannot_be_written_to_is_named(database, tmp_path, place):
    with pytest.raises(BackupFailed, match=r"^The backup failed: "):
        back_up(database[0], tmp_path / place)


def test_a_database_that_does_not_exist_is_not_made(tmp_path):
    with pytest.raises(BackupFailed, match=r"nothing does not exist\.$"):
        back_up(tmp_path / "nothing", tmp_path / "backup")

    assert list(tmp_path.iterdir()) == []


@on_sqlite
@pytest.mark.django_db(transaction=True)
def test_the_command_says_where_the_backup_is_and_how_large(capsys, a_product, tmp_path):
    mug = a_product(stock=5)

    call_command("backup", str(tmp_path / "backup"))

    size = (tmp_path / "backup").stat().st_size
    assert capsys.readouterr().out == f"Backup: {tmp_path / 'backup'}, {size} bytes, checked.\n"
    with closing(sqlite3.connect(tmp_path / "backup")) as backup:
        assert backup.execute("SELECT sku, stock FROM products_product").fetchall() == [(mug.sku, 5)]


@on_sqlite
@pytest.mark.django_db(transaction=True)
def test_the_command_says_what_is_wrong(tmp_path):
    (tmp_path / "backup").touch()

    with pytest.raises(CommandError, match="exists already"):
        call_command("backup", str(tmp_path / "backup"))


@on_postgresql
def test_postgresql_is_refused_with_the_command_that_backs_it_up(tmp_path, monkeypatch):
    place = {"USER": "shop", "PASSWORD": "secret", "HOST": "db.example", "PORT": "5432", "NAME": "shop"}
    for name, value in place.items():
        monkeypatch.setitem(connection.settings_dict, name, value)

    with pytest.raises(CommandError) as refused:
        call_command("backup", "shop.dump")

    assert str(refused.value).splitlines()[1] == (
        "pg_dump --format=custom --file=shop.dump '--dbname=user=shop host=db.example port=5432 dbname=shop'"
    )
    assert not re.search("secret", str(refused.value))


@on_postgresql
def test_of_several_hosts_the_one_that_is_written_to_is_backed_up(monkeypatch):
    place = {"USER": "shop", "HOST": "one,other", "PORT": "5432,5433", "NAME": "shop"}
    for name, value in place.items():
        monkeypatch.setitem(connection.settings_dict, name, value)
    monkeypatch.setitem(connection.settings_dict["OPTIONS"], "target_session_attrs", "read-write")

    with pytest.raises(CommandError) as refused:
        call_command("backup", "shop.dump")

    assert (
        str(refused.value)
        .splitlines()[1]
        .endswith("'--dbname=user=shop host=one,other port=5432,5433 dbname=shop target_session_attrs=read-write'")
    )
