"""A small history and a matching database without violations, and edits that each introduce one."""

A, B, C = (f"{digit}" * 8 + "-0000-7000-8000-000000000000" for digit in "abc")
ALICE, STAFF = 1, 9

# Fifteen of product 1 received in two deliveries, two of them sold in order A, one in order B, which was cancelled; and
# ten of product 2.
DATABASE = f"""
    CREATE TABLE products_product (id, stock);
    CREATE TABLE products_order (id, customer_id, status, total, idempotency_key);
    CREATE TABLE products_orderline (
        id, order_id, product_id, quantity, unit_price, shipped, cancelled, returned, restocked
    );
    CREATE TABLE products_stockmovement (id, product_id, delta, reason, line_id, by_id, idempotency_key);
    CREATE TABLE products_event (order_id, kind);
    INSERT INTO products_product VALUES (1, 13), (2, 10);
    INSERT INTO products_order VALUES ('{A}', 1, 'PLACED', 9.00, 'key-a'), ('{B}', 1, 'CANCELLED', 4.50, 'key-b');
    INSERT INTO products_order VALUES ('{C}', 1, 'CART', 0, NULL);
    INSERT INTO products_orderline VALUES
        ('{A}', '{A}', 1, 2, 4.50, 0, 0, 0, 0), ('{B}', '{B}', 1, 1, 4.50, 0, 1, 0, 1);
    INSERT INTO products_stockmovement VALUES
        (1, 1, 10, 'RECEIVED', NULL, NULL, NULL), (2, 2, 10, 'RECEIVED', NULL, NULL, NULL),
        (3, 1, -2, 'SOLD', '{A}', NULL, NULL), (4, 1, -1, 'SOLD', '{B}', NULL, NULL),
        (5, 1, 1, 'CANCELLED', '{B}', NULL, NULL), (6, 1, 5, 'RECEIVED', NULL, 9, 'key-r');
    INSERT INTO products_event VALUES ('{A}', 'order.placed'), ('{B}', 'order.placed'), ('{B}', 'order.cancelled');
"""


def an_order(order_id, quantity, total):
    return {"id": order_id, "total": total, "lines": [{"product": 1, "quantity": quantity, "unit_price": "4.50"}]}


def asking_for(quantity):
    return {"lines": [{"product": 1, "quantity": quantity}]}


def attempt(at, kind, status, answer, *, key=None, user=ALICE, number=1, path="/api/orders", body=None, **headers):
    """Return the two entries of one attempt in a history: that it was sent, and its outcome."""
    known = {"user": user, "request": f"{kind} {key or path}", "kind": kind, "key": key, "try": number}
    sent = {"what": "sent", "mono": at, **known, "path": path, "body": body}
    ended = {"what": "answered" if status else "unanswered", "mono": at + 0.1, **known, "sent": at, "why": "no_answer"}
    if status:
        ended |= {"status": status, "answer": answer, "headers": {k.replace("_", "-"): v for k, v in headers.items()}}
    return [sent, ended]


HISTORY = [
    *attempt(1, "place", 201, an_order(A, 2, "9.00"), key="key-a", body=asking_for(2)),
    *attempt(2, "place", 0, None, key="key-b", body=asking_for(1)),
    *attempt(2.5, "place", 503, {"code": "unavailable"}, key="key-b", number=2, body=asking_for(1), Retry_After="1"),
    *attempt(3, "place", 201, an_order(B, 1, "4.50"), key="key-b", number=3, body=asking_for(1)),
    *attempt(4, "cancel", 200, an_order(B, 1, "4.50"), path=f"/api/orders/{B}/cancel"),
    *attempt(5, "place", 409, {"code": "insufficient_stock"}, key="key-c", body=asking_for(99)),
    *attempt(6, "read", 200, an_order(A, 2, "9.00"), path=f"/api/orders/{A}"),
    *attempt(7, "receive", 201, {"movement": {"delta": 5}}, user=STAFF, key="key-r", path="/api/products/1/stock"),
    *attempt(8, "place_unknown", 400, {"code": "invalid_order"}, key="key-u", body=asking_for(1)),
    *attempt(9, "place_otherwise", 422, {"code": "idempotency_key_reused"}, key="key-a", body=asking_for(3)),
    # The same once more after the end of the fault, which is at 20.
    *attempt(21, "place", 201, an_order(A, 2, "9.00"), key="key-a", number=2, body=asking_for(2)),
]


def answer_at(moment, **changes):
    """Return an edit that changes the outcome of the attempt sent at that moment."""

    def edit(entries):
        [entry] = [each for each in entries if each.get("sent") == moment]
        entry.update(changes)

    return edit


def leave_out(moment):
    """Return an edit that removes the attempt sent at that moment."""

    def edit(entries):
        entries[:] = [each for each in entries if moment not in (each.get("sent"), each["mono"])]

    return edit


DATABASE_CASES = [
    (f"DELETE FROM products_order WHERE id = '{A}'", "every_acknowledged_order_exists", "lost"),
    ("UPDATE products_order SET customer_id = 2", "every_acknowledged_order_exists", "wrong"),
    (f"UPDATE products_orderline SET product_id = 2 WHERE id = '{A}'", "every_acknowledged_order_exists", "wrong"),
    (f"UPDATE products_order SET total = 8 WHERE id = '{A}'", "every_acknowledged_order_exists", "wrong"),
    (f"UPDATE products_order SET total = 8 WHERE id = '{A}'", "orders_read_match_the_database", "wrong"),
    (f"DELETE FROM products_order WHERE id = '{A}'", "orders_read_match_the_database", "lost"),
    (f"UPDATE products_order SET id = '{C}' WHERE id = '{A}'", "a_key_retried_until_success_has_one_order", "doubled"),
    (f"DELETE FROM products_order WHERE id = '{B}'", "a_key_retried_until_success_has_one_order", "lost"),
    (f"INSERT INTO products_order VALUES ('{C}', 1, 'PLACED', 9, 'key-a')", "one_order_for_a_key", "doubled"),
    (f"INSERT INTO products_order VALUES ('{C}', 1, 'PLACED', 9, 'key-x')", "one_order_for_a_key", "wrong"),
    (f"INSERT INTO products_order VALUES ('{C}', 1, 'PLACED', 9, NULL)", "one_order_for_a_key", "wrong"),
    (f"INSERT INTO products_order VALUES ('{C}', 1, 'PLACED', 9, 'key-c')", "a_rejected_key_has_no_order", "wrong"),
    (f"INSERT INTO products_order VALUES ('{C}', 1, 'PLACED', 9, 'key-u')", "a_rejected_key_has_no_order", "wrong"),
    (f"DELETE FROM products_orderline WHERE id = '{A}'", "orders_are_complete", "wrong"),
    (f"DELETE FROM products_event WHERE order_id = '{A}'", "orders_are_complete", "wrong"),
    (f"DELETE FROM products_event WHERE order_id = '{B}' AND kind <> 'order.placed'", "orders_are_complete", "wrong"),
    ("DELETE FROM products_stockmovement WHERE id = 3", "orders_are_complete", "wrong"),
    ("UPDATE products_stockmovement SET delta = -1 WHERE id = 3", "orders_are_complete", "wrong"),
    ("DELETE FROM products_stockmovement WHERE id = 5", "orders_are_complete", "wrong"),
    (
        f"INSERT INTO products_stockmovement VALUES (7, 1, -2, 'SOLD', '{A}', NULL, NULL)",
        "orders_are_complete",
        "doubled",
    ),
    (f"DELETE FROM products_order WHERE id = '{A}'", "orders_are_complete", "wrong"),
    ("UPDATE products_orderline SET restocked = 0", "orders_are_complete", "wrong"),
    ("UPDATE products_orderline SET shipped = 2", "counters_agree", "wrong"),
    ("UPDATE products_orderline SET returned = 1", "counters_agree", "wrong"),
    ("UPDATE products_orderline SET restocked = 2", "counters_agree", "wrong"),
    ("UPDATE products_order SET status = 'SHIPPED'", "counters_agree", "wrong"),
    ("UPDATE products_order SET status = 'CANCELLED'", "counters_agree", "wrong"),
    ("UPDATE products_order SET status = 'PLACED'", "every_acknowledged_cancellation_exists", "lost"),
    (
        f"INSERT INTO products_event VALUES ('{B}', 'order.cancelled')",
        "every_acknowledged_cancellation_exists",
        "doubled",
    ),
    ("UPDATE products_order SET status = 'CANCELLED'", "every_acknowledged_cancellation_exists", "wrong"),
    ("UPDATE products_product SET stock = -1 WHERE id = 2", "stock_was_never_negative", "wrong"),
    ("UPDATE products_product SET stock = 12 WHERE id = 1", "stock_plus_sold_is_what_was_received", "wrong"),
    ("UPDATE products_orderline SET quantity = 3", "stock_plus_sold_is_what_was_received", "wrong"),
    ("UPDATE products_product SET stock = 12 WHERE id = 1", "the_ledger_sums_to_the_stock", "wrong"),
    ("DELETE FROM products_stockmovement WHERE id = 4", "the_ledger_sums_to_the_stock", "wrong"),
    ("DELETE FROM products_stockmovement WHERE id = 6", "every_acknowledged_stock_change_exists_once", "lost"),
    (
        "INSERT INTO products_stockmovement VALUES (7, 1, 5, 'RECEIVED', NULL, 9, 'key-r')",
        "every_acknowledged_stock_change_exists_once",
        "doubled",
    ),
    (
        "UPDATE products_stockmovement SET delta = 6 WHERE id = 6",
        "every_acknowledged_stock_change_exists_once",
        "wrong",
    ),
    (
        "INSERT INTO products_stockmovement VALUES (7, 1, 5, 'RECEIVED', NULL, 9, 'key-x')",
        "every_acknowledged_stock_change_exists_once",
        "wrong",
    ),
    ("UPDATE products_stockmovement SET delta = 11 WHERE id = 1", "all_stock_has_a_source", "wrong"),
    (
        "INSERT INTO products_stockmovement VALUES (7, 2, 1, 'CORRECTED', NULL, 9, NULL)",
        "all_stock_has_a_source",
        "wrong",
    ),
]

HISTORY_CASES = [
    (answer_at(1, answer=an_order(A, 2, "9.01")), "every_acknowledged_order_exists", "wrong"),
    (answer_at(1, answer=an_order(B, 1, "4.50")), "a_key_retried_until_success_has_one_order", "doubled"),
    (answer_at(6, status=404, answer={"code": "not_found"}), "orders_read_match_the_database", "lost"),
    (
        answer_at(4, status=409, answer={"code": "forbidden_move"}),
        "every_acknowledged_cancellation_exists",
        "wrong",
    ),
    (leave_out(4), "every_acknowledged_cancellation_exists", "wrong"),
    (
        answer_at(7, status=409, answer={"code": "insufficient_stock"}),
        "every_acknowledged_stock_change_exists_once",
        "wrong",
    ),
    (answer_at(5, status=500, answer={"code": "server_error"}), "only_documented_answers", "wrong"),
    (answer_at(5, answer={"code": "stale"}), "only_documented_answers", "wrong"),
    (answer_at(9, status=201, answer=an_order(A, 2, "9.00")), "only_documented_answers", "wrong"),
    (answer_at(6, status=502, answer={"not_json": "<html>"}), "only_documented_answers", "wrong"),
    (answer_at(2.5, headers={}), "every_429_and_503_has_retry_after", "wrong"),
    (answer_at(2.5, headers={"Retry-After": "soon"}), "every_429_and_503_has_retry_after", "wrong"),
    (
        answer_at(5, status=429, answer={"code": "throttled"}, headers={}),
        "every_429_and_503_has_retry_after",
        "wrong",
    ),
    (leave_out(21), "orders_are_placed_again_within_5_s", "wrong"),
    (answer_at(21, mono=25.1), "orders_are_placed_again_within_5_s", "wrong"),
]
