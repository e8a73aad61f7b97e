"""The auditor itself: a small history and a small database in which all is well, and then one thing is not."""

import copy
import json
import sqlite3
from contextlib import closing

import pytest

from chaos.auditor import INVARIANTS, Evidence, Window, audit
from chaos.auditor.history import read_history
from chaos.auditor.records import read_records
from chaos.faults import Promise
from chaos.sampler import Samples
from chaos.small_shop import (
    DATABASE,
    HISTORY,
    IN_THE_DATABASE,
    IN_THE_HISTORY,
    C,
    answer_at,
    asking_for,
    attempt,
)


@pytest.fixture
def audited(tmp_path):
    """What the auditor finds, by invariant, once `sql` has been done to the database and `edit` to the history."""

    def audit_with(*, sql="", edit=None, samples=None, promise=Promise.RETRY):
        entries = copy.deepcopy(HISTORY)
        if edit:
            edit(entries)
        (tmp_path / "alice.jsonl").write_text("".join(json.dumps(entry) + "\n" for entry in entries))
        with closing(sqlite3.connect(":memory:")) as connection:
            connection.executescript(DATABASE + sql)
            evidence = Evidence(
                history=read_history(tmp_path),
                records=read_records(connection),
                opening={1: 10, 2: 10},
                samples=samples or Samples(taken=100, connections=8, in_transaction=0, allowed=8),
                windows=[Window("workers_killed", promise, began=0.5, gone=20, until=float("inf"))],
            )
        found = {}
        for breach in audit(evidence):
            found.setdefault(breach.invariant, []).append(breach)
        return found

    return audit_with


def test_where_all_is_well_the_auditor_finds_nothing(audited):
    assert audited() == {}


@pytest.mark.parametrize(("sql", "invariant", "harm"), IN_THE_DATABASE)
def test_what_is_wrong_in_the_database_is_found(sql, invariant, harm, audited):
    found = audited(sql=sql)

    assert harm in {breach.harm for breach in found[invariant]}


@pytest.mark.parametrize(("edit", "invariant", "harm"), IN_THE_HISTORY)
def test_what_is_wrong_in_the_history_is_found(edit, invariant, harm, audited):
    found = audited(edit=edit)

    assert harm in {breach.harm for breach in found[invariant]}


def test_a_request_without_an_answer_is_found_where_each_is_answered(audited):
    found = audited(promise=Promise.EACH_IS_ANSWERED)

    assert [breach.at for breach in found["requests_end_as_the_fault_allows"]] == [2]


def test_an_answer_that_took_too_long_is_found_where_each_request_is_answered(audited):
    found = audited(edit=answer_at(5, mono=11.1), promise=Promise.EACH_IS_ANSWERED)

    assert [breach.at for breach in found["answers_come_in_time"]] == [5]


def test_a_503_is_found_where_no_request_fails(audited):
    found = audited(promise=Promise.NONE_FAILS)

    assert [breach.at for breach in found["requests_end_as_the_fault_allows"]] == [2, 2.5]


def test_a_request_that_failed_before_the_first_fault_is_found(audited):
    def add(entries):
        entries += attempt(0.1, "place", 0, None, key="key-e", body=asking_for(1))

    found = audited(edit=add)

    assert [breach.at for breach in found["requests_end_as_the_fault_allows"]] == [0.1]


@pytest.mark.parametrize(
    "samples",
    [
        Samples(taken=100, connections=9, in_transaction=0, allowed=8),
        Samples(taken=100, connections=8, in_transaction=1, allowed=8),
    ],
)
def test_what_is_left_open_is_found(samples, audited):
    assert list(audited(samples=samples)) == ["nothing_is_left_open"]


def test_a_stock_that_was_negative_in_one_sample_is_found(audited):
    samples = Samples(taken=100, negative=[(2, -1)], connections=8, in_transaction=0, allowed=8)

    assert list(audited(samples=samples)) == ["stock_was_never_negative"]


def test_a_refused_key_may_have_an_order_where_an_attempt_without_an_answer_may_have_placed_it(audited):
    def leave_the_first_open(entries):
        entries += attempt(4.5, "place", 0, None, key="key-c", number=0, body=asking_for(99))

    found = audited(
        sql=f"INSERT INTO products_order VALUES ('{C}', 1, 'PLACED', 9, 'key-c')", edit=leave_the_first_open
    )

    assert "a_refused_key_has_no_order" not in found


def test_no_invariant_is_without_a_case_in_which_it_is_broken():
    broken = {invariant for _, invariant, _ in IN_THE_DATABASE + IN_THE_HISTORY}

    assert broken | {"requests_end_as_the_fault_allows", "answers_come_in_time", "nothing_is_left_open"} == set(
        INVARIANTS
    )
    assert all(check.__doc__ for check in INVARIANTS.values())


def test_a_last_line_that_was_cut_off_ends_a_history(tmp_path):
    lines = "".join(json.dumps(entry) + "\n" for entry in HISTORY[:3])
    (tmp_path / "alice.jsonl").write_text(lines + '{"what":"answ')

    history = read_history(tmp_path)

    assert [(each.key, each.status) for each in history.attempts] == [("key-a", 201), ("key-b", 0)]
