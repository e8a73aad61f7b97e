"""Invariants of answers: their status, their code and their time."""

from collections.abc import Iterator

from chaos.auditor.history import NO_ANSWER, Attempt
from chaos.auditor.invariants import Breach, Evidence, Window, invariant
from chaos.faults import Promise

AT_ANY_TIME = {(429, "throttled"), (503, "unavailable")}
DOCUMENTED: dict[str, set[tuple[int, str]]] = {
    "place": {(201, ""), (409, "insufficient_stock")},
    "place_unknown": {(400, "invalid_order")},
    "place_otherwise": {(422, "idempotency_key_reused")},
    "cancel": {(200, ""), (409, "forbidden_move")},
    "read": {(200, ""), (404, "not_found")},
    "browse": {(200, "")},
    "look": {(200, "")},
    "receive": {(201, "")},
    "correct": {(201, ""), (409, "insufficient_stock")},
    "count": {(201, ""), (200, ""), (412, "stock_has_moved")},
}
"""The answers allowed for each kind of request, as (status, code of the problem). A 500 is never allowed."""

MAX_RECOVERY = 5.0  # seconds
MAX_SECONDS = 6.0  # seconds for an answer: the shop's deadline of 5 s, and some for the network
NO_FAULT = Window("no fault", Promise.NONE_FAILS, float("-inf"), float("inf"), float("inf"))


@invariant
def only_documented_answers(evidence: Evidence) -> Iterator[Breach]:
    """Each answer is JSON, with a status and a code that the operation documents; none is a 500."""
    for attempt in evidence.history.attempts:
        if attempt.status != NO_ANSWER:
            code = attempt.code if attempt.status >= 400 else ""
            if (attempt.status, code) not in DOCUMENTED[attempt.kind] | AT_ANY_TIME:
                what = f"{attempt.kind} was answered with {attempt.status} {attempt.code or attempt.answer}"
                yield Breach("wrong", what, attempt.sent)


@invariant
def every_429_and_503_has_retry_after(evidence: Evidence) -> Iterator[Breach]:
    """Every 429 and every 503 has a `Retry-After` in seconds."""
    for attempt in evidence.history.attempts:
        if attempt.status in (429, 503) and not attempt.headers.get("Retry-After", "").isdigit():
            yield Breach(
                "wrong", f"{attempt.kind} was answered with {attempt.status} without Retry-After", attempt.sent
            )


@invariant
def requests_end_as_the_fault_allows(evidence: Evidence) -> Iterator[Breach]:
    """During a fault, requests fail or stay unanswered only as its promise allows; before the first, none fails."""
    for attempt in evidence.history.attempts:
        window = window_during(evidence.windows, attempt)
        if window is not None:
            if window.promise is not Promise.RETRY and attempt.was_sent and attempt.status == NO_ANSWER:
                what = f"{attempt.kind} had no answer after {attempt.seconds:.1f} s ({attempt.error})"
                yield Breach("wrong", f"{window.fault}: {what}", attempt.sent)
            if window.promise is Promise.NONE_FAILS and attempt.status >= 500:
                yield Breach("wrong", f"{window.fault}: {attempt.kind} failed with {attempt.status}", attempt.sent)


@invariant
def answers_arrive_in_time(evidence: Evidence) -> Iterator[Breach]:
    """During a fault in which each request is answered, no answer takes more than 6 s."""
    for attempt in evidence.history.attempts:
        window = window_during(evidence.windows, attempt)
        if window is not None and window.promise is Promise.EACH_IS_ANSWERED and attempt.seconds > MAX_SECONDS:
            yield Breach("wrong", f"{window.fault}: {attempt.kind} took {attempt.seconds:.1f} s", attempt.sent)


@invariant
def orders_are_placed_again_within_5_s(evidence: Evidence) -> Iterator[Breach]:
    """Within 5 s after the end of a fault, an order is placed that was sent after it."""
    for window in evidence.windows:
        seconds = first_success(evidence.history.attempts, window)
        if seconds is None or seconds > MAX_RECOVERY:
            when = "no order was placed" if seconds is None else f"the first order was placed after {seconds:.1f} s"
            yield Breach("wrong", f"{when} after the end of {window.fault}", window.gone)


@invariant
def nothing_stays_open(evidence: Evidence) -> Iterator[Breach]:
    """At the end, the servers have at most one connection per thread, and none is idle in a transaction."""
    samples = evidence.samples
    if samples.connections is not None and samples.connections > samples.allowed:
        yield Breach("wrong", f"{samples.connections} connections are open, for {samples.allowed} threads")
    if samples.in_transaction:
        yield Breach("wrong", f"{samples.in_transaction} connections are idle in a transaction")


def first_success(attempts: list[Attempt], window: Window) -> float | None:
    """Return the seconds from the end of a fault to the first order that was sent after it; None if there is none."""
    placed = [
        attempt.ended - window.gone
        for attempt in attempts
        if attempt.kind == "place" and attempt.status == 201 and attempt.sent >= window.gone and attempt.ended
    ]
    return min(placed, default=None)


def window_at(windows: list[Window], moment: float | None) -> Window | None:
    """Return the fault that a moment belongs to. A fault's time lasts until the next one begins."""
    return next((window for window in windows if moment is not None and window.began <= moment < window.until), None)


def window_during(windows: list[Window], attempt: Attempt) -> Window | None:
    """Return the first fault that overlaps the attempt; NO_FAULT if it ended before all faults."""
    ended = attempt.ended or attempt.sent
    if not windows or ended < windows[0].began:
        return NO_FAULT
    return next((each for each in windows if attempt.sent <= each.gone and ended >= each.began), None)
