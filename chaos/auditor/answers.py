"""Invariants of answers: which there may be, and when there has to be one."""

from collections.abc import Iterator

from chaos.auditor.history import NO_ANSWER, Attempt
from chaos.auditor.invariants import Breach, Evidence, Window, invariant
from chaos.faults import Promise

AT_ANY_TIME = {(429, "throttled"), (503, "unavailable")}
PROMISED: dict[str, set[tuple[int, str]]] = {
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
"""What each kind of request may be answered with: (status, code of the problem). A 500 never is."""

SOON = 5.0  # seconds
LONGEST = 6.0  # seconds for an answer: the shop's own deadline of 5 s, and some for the way there and back
PEACE = Window("no fault", Promise.NONE_FAILS, float("-inf"), float("inf"), float("inf"))


@invariant
def only_promised_answers(evidence: Evidence) -> Iterator[Breach]:
    """Each answer has a status and a code that its operation promises; none is a 500, and none is not JSON."""
    for attempt in evidence.history.attempts:
        if attempt.status != NO_ANSWER:
            code = attempt.code if attempt.status >= 400 else ""
            if (attempt.status, code) not in PROMISED[attempt.kind] | AT_ANY_TIME:
                what = f"{attempt.kind} was answered with {attempt.status} {attempt.code or attempt.answer}"
                yield Breach("wrong", what, attempt.sent)


@invariant
def who_is_put_off_is_told_until_when(evidence: Evidence) -> Iterator[Breach]:
    """Every 429 and every 503 says in `Retry-After` how many seconds to wait."""
    for attempt in evidence.history.attempts:
        if attempt.status in (429, 503) and not attempt.headers.get("Retry-After", "").isdigit():
            yield Breach(
                "wrong", f"{attempt.kind} was answered with {attempt.status} without Retry-After", attempt.sent
            )


@invariant
def requests_end_as_the_fault_allows(evidence: Evidence) -> Iterator[Breach]:
    """While a fault lasts, no request fails or each is answered, as promised for it; before the first, none fails."""
    for attempt in evidence.history.attempts:
        window = window_during(evidence.windows, attempt)
        if window is not None:
            if window.promise is not Promise.RETRY and attempt.was_sent and attempt.status == NO_ANSWER:
                what = f"{attempt.kind} had no answer after {attempt.seconds:.1f} s ({attempt.error})"
                yield Breach("wrong", f"{window.fault}: {what}", attempt.sent)
            if window.promise is Promise.NONE_FAILS and attempt.status >= 500:
                yield Breach("wrong", f"{window.fault}: {attempt.kind} failed with {attempt.status}", attempt.sent)


@invariant
def answers_come_in_time(evidence: Evidence) -> Iterator[Breach]:
    """While a fault lasts in which each request is answered, none waits for its answer for more than 6 s."""
    for attempt in evidence.history.attempts:
        window = window_during(evidence.windows, attempt)
        if window is not None and window.promise is Promise.EACH_IS_ANSWERED and attempt.seconds > LONGEST:
            yield Breach("wrong", f"{window.fault}: {attempt.kind} took {attempt.seconds:.1f} s", attempt.sent)


@invariant
def orders_are_placed_again_soon(evidence: Evidence) -> Iterator[Breach]:
    """Within 5 s after a fault is gone, an order is placed that was sent after that."""
    for window in evidence.windows:
        seconds = first_success(evidence.history.attempts, window)
        if seconds is None or seconds > SOON:
            when = "no order was placed" if seconds is None else f"the first order was placed after {seconds:.1f} s"
            yield Breach("wrong", f"{when} when {window.fault} was gone", window.gone)


@invariant
def nothing_is_left_open(evidence: Evidence) -> Iterator[Breach]:
    """In the end, the servers have a connection for each thread at the most, and none is idle in a transaction."""
    samples = evidence.samples
    if samples.connections is not None and samples.connections > samples.allowed:
        yield Breach("wrong", f"{samples.connections} connections are open, for {samples.allowed} threads")
    if samples.in_transaction:
        yield Breach("wrong", f"{samples.in_transaction} connections are idle in a transaction")


def first_success(attempts: list[Attempt], window: Window) -> float | None:
    """How many seconds after the fault was gone an order was placed that was sent after it; None where none was."""
    placed = [
        attempt.ended - window.gone
        for attempt in attempts
        if attempt.kind == "place" and attempt.status == 201 and attempt.sent >= window.gone and attempt.ended
    ]
    return min(placed, default=None)


def window_at(windows: list[Window], moment: float | None) -> Window | None:
    """The fault to which that moment belongs, up to the beginning of the next one."""
    return next((window for window in windows if moment is not None and window.began <= moment < window.until), None)


def window_during(windows: list[Window], attempt: Attempt) -> Window | None:
    """The first fault that lasted between the sending and the answer; peace, where the first was still to come."""
    ended = attempt.ended or attempt.sent
    if not windows or ended < windows[0].began:
        return PEACE
    return next((each for each in windows if attempt.sent <= each.gone and ended >= each.began), None)
