"""The auditor finds each violation in a small history and database, and none without it."""

import copy
import json
import sqlite3
from contextlib import closing

import pytest

from chaos.auditor import INVARIANTS, Evidence, Window, audit
from chaos.auditor.history import read_history
from chaos.auditor.records import read_records
from chaos.faults import Promise
from chaos.monitors import Samples
from chaos.tests.auditor_cases import (
    DATABASE,
    DATABASE_CASES,
    HISTORY,
    HISTORY_CASES,
    C,
    answer_at,
    asking_for,
    attempt,
)


@pytest.fixture
def audited(tmp_path):
    """Return a function that applies `sql` to the database and `edit` to the history, and audits them."""

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


def test_without_a_violation_the_auditor_finds_nothing(audited):
    assert audited() == {}


@pytest.mark.parametrize(("sql", "invariant", "harm"), DATABASE_CASES)
def test_a_violation_in_the_database_is_found(sql, invariant, harm, audited):
    found = audited(sql=sql)

    assert harm in {breach.harm for breach in found[invariant]}


@pytest.mark.parametrize(("edit", "invariant", "harm"), HISTORY_CASES)
def test_a_violation_in_the_history_is_found(edit, invariant, harm, audited):
    found = audited(edit=edit)

    assert harm in {breach.harm for breach in found[invariant]}


def test_a_missing_answer_is_found_if_each_request_has_to_be_answered(audited):
    found = audited(promise=Promise.EACH_IS_ANSWERED)

    assert [breach.at for breach in found["requests_end_as_the_fault_allows"]] == [2]


def test_a_slow_answer_is_found_if_each_request_has_to_be_answered(audited):
    found = audited(edit=answer_at(5, mono=11.1), promise=Promise.EACH_IS_ANSWERED)

    assert [breach.at for breach in found["answers_arrive_in_time"]] == [5]


def test_a_503_is_found_if_no_request_may_fail(audited):
    found = audited(promise=Promise.NONE_FAILS)

    assert [breach.at for breach in found["requests_end_as_the_fault_allows"]] == [2, 2.5]


def test_a_request_that_fails_before_the_first_fault_is_found(audited):
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
def test_connections_and_transactions_that_stay_open_are_found(samples, audited):
    assert list(audited(samples=samples)) == ["nothing_stays_open"]


def test_a_stock_that_is_negative_in_one_sample_is_found(audited):
    samples = Samples(taken=100, negative=[(2, -1)], connections=8, in_transaction=0, allowed=8)

    assert list(audited(samples=samples)) == ["stock_was_never_negative"]


def test_a_rejected_key_may_have_an_order_if_an_unanswered_attempt_may_have_placed_it(audited):
    def add_an_unanswered_attempt(entries):
        entries += attempt(4.5, "place", 0, None, key="key-c", number=0, body=asking_for(99))

    found = audited(
        sql=f"INSERT INTO products_order VALUES ('{C}', 1, 'PLACED', 9, 'key-c')", edit=add_an_unanswered_attempt
    )

    assert "a_rejected_key_has_no_order" not in found


def test_each_invariant_has_a_case_that_violates_it():
    broken = {invariant for _, invariant, _ in DATABASE_CASES + HISTORY_CASES}

    assert broken | {"requests_end_as_the_fault_allows", "answers_arrive_in_time", "nothing_stays_open"} == set(
        INVARIANTS
    )
    assert all(check.__doc__ for check in INVARIANTS.values())


def test_an_incomplete_last_line_ends_a_history(tmp_path):
    lines = "".join(json.dumps(entry) + "\n" for entry in HISTORY[:3])
    (tmp_path / "alice.jsonl").write_text(lines + '{"what":"answ')

    history = read_history(tmp_path)

    assert [(each.key, each.status) for each in history.attempts] == [("key-a", 201), ("key-b", 0)]
