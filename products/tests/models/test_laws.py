"""The laws: what the database itself refuses, should our own code ever fail to."""

import pytest
from django.apps import apps
from django.db import IntegrityError, connection, transaction
from django.db.models import UniqueConstraint
from django.utils import timezone

from products.feed.sequencer import number_all_events
from products.models import (
    Address,
    BulkJob,
    Category,
    FeedEntry,
    Mail,
    Order,
    ProductImport,
    ProductImportRow,
    RowKind,
    Status,
    WebhookEndpoint,
)
from products.testing import triggers_lifted

pytestmark = pytest.mark.django_db

MOVEMENT = """
    INSERT INTO products_stockmovement (product_id, delta, reason, line_id, part, by_id, note, at, idempotency_key)
    SELECT product_id, {delta}, '{reason}', {line}, {part}, {by}, '', at, {key} FROM products_stockmovement
    WHERE line_id IS NOT NULL ORDER BY id LIMIT 1
"""
EVENT = """
    INSERT INTO products_event (kind, order_id, product_id, facts, at)
    SELECT 'made.up', {order}, {product}, '{{}}', placed_at FROM products_order WHERE placed_at IS NOT NULL LIMIT 1
"""


FULFILMENTS = ("shipment", "cancellation", "return", "refund")
FIRST = """
    (SELECT id FROM products_{0} WHERE number = 1 AND order_id IN (SELECT order_id FROM products_{0} WHERE number = 2))
"""


def a_movement(*, delta, reason, line="line_id", part=0, by="NULL", key="NULL"):
    return MOVEMENT.format(delta=delta, reason=reason, line=line, part=part, by=by, key=key)


# Each law, and statements that violate it alone, in the small world of the fixture below.
VIOLATIONS = {
    "a_bulk_job_has_a_known_verb": ["UPDATE products_bulkjob SET verb = 'eat'"],
    "a_finished_bulk_job_was_started": ["UPDATE products_bulkjob SET finished_at = created_at"],
    "a_bulk_job_has_an_order_once": [
        "INSERT INTO products_bulkjobitem (job_id, order_id, state, tracking_number, code, sentence) "
        "SELECT job_id, order_id, state, '', '', '' FROM products_bulkjobitem",
    ],
    "a_bulk_job_item_has_a_known_state": ["UPDATE products_bulkjobitem SET state = 'LOST'"],
    "stock_is_not_negative": ["UPDATE products_product SET stock = -1"],
    "weight_is_not_negative": ["UPDATE products_product SET weight = -1"],
    "low_stock_is_not_negative": ["UPDATE products_product SET low_stock = -1"],
    "price_is_not_negative": ["UPDATE products_product SET price = -0.01"],
    "a_sku_belongs_to_one_product_in_any_case": [
        "UPDATE products_product SET sku = 'sku-1' WHERE sku = 'SKU-2'",
        "UPDATE products_product SET folded_sku = 'sku-1' WHERE sku = 'SKU-2'",
        "UPDATE products_product SET folded_sku = 'straße'",
    ],
    "a_category_is_not_its_own_parent": ["UPDATE products_category SET parent_id = id, depth = 2"],
    "categories_are_nested_at_most_8_deep": ["UPDATE products_category SET depth = 9 WHERE slug = 'mugs'"],
    "only_a_category_at_the_top_has_no_parent": [
        "UPDATE products_category SET depth = 1 WHERE slug = 'mugs'",
        "UPDATE products_category SET depth = 2 WHERE slug = 'kitchen'",
    ],
    "prices_have_at_most_8_digits": [
        "UPDATE products_product SET price = 100000000",
        "UPDATE products_product SET list_price = 100000000",
    ],
    "unit_price_has_at_most_8_digits": ["UPDATE products_orderline SET unit_price = 100000000"],
    "total_has_at_most_12_digits": ["UPDATE products_order SET total = 1000000000000"],
    "total_is_not_negative": ["UPDATE products_order SET total = -0.01"],
    "a_number_is_eight_characters_to_read_out": [
        "UPDATE products_order SET number = '' WHERE status = 'CART'",
        "UPDATE products_order SET number = 'K7QF3M1' WHERE status = 'CART'",
        "UPDATE products_order SET number = 'K7QFOM1P' WHERE status = 'CART'",
        "UPDATE products_order SET number = 'k7qf3m1p' WHERE status = 'CART'",
    ],
    "an_order_has_a_known_status": ["UPDATE products_order SET status = 'LOST' WHERE status = 'PLACED'"],
    "a_placed_order_knows_when": ["UPDATE products_order SET placed_at = NULL"],
    "an_order_has_a_complete_address_or_none": [
        "UPDATE products_order SET ship_to_city = 'Berlin' WHERE status = 'CART'",
        "UPDATE products_order SET ship_to_name = 'Alice', ship_to_line1 = 'Hauptstr. 1', ship_to_city = 'Berlin'",
        "UPDATE products_order SET ship_to_line1 = 'Hauptstr. 1', ship_to_city = 'Berlin', ship_to_country = 'DE'",
    ],
    "an_address_is_complete": [
        "UPDATE products_address SET line1 = ''",
        "UPDATE products_address SET city = ''",
        "UPDATE products_address SET country = ''",
        "UPDATE products_address SET name = '', company = ''",
    ],
    "one_default_address_per_customer": ["UPDATE products_address SET is_default = true"],
    "a_number_belongs_to_one_order": ["UPDATE products_order SET number = '00000000'"],
    "one_cart_per_customer": ["UPDATE products_order SET status = 'CART'"],
    "an_order_is_imported_once": ["UPDATE products_order SET imported_number = '10248'"],
    "one_order_per_customer_and_key": ["UPDATE products_order SET idempotency_key = 'k'"],
    "quantity_is_1_to_10000": [
        "UPDATE products_orderline SET quantity = 0",
        "UPDATE products_orderline SET quantity = 10001",
    ],
    "list_price_is_at_least_the_price": ["UPDATE products_product SET list_price = price - 0.01"],
    "discount_and_shipping_are_not_negative": [
        "UPDATE products_order SET discount = -0.01",
        "UPDATE products_order SET shipping = -0.01",
    ],
    "tax_contains_that_of_shipping": [
        "UPDATE products_order SET shipping_tax = -0.01",
        "UPDATE products_order SET shipping_tax = 0.02, tax = 0.01",
    ],
    "discounts_are_at_most_the_price": [
        "UPDATE products_orderline SET discount = -0.01",
        "UPDATE products_orderline SET discount_share = -0.01",
        "UPDATE products_orderline SET discount = quantity * unit_price, discount_share = 0.51",
        "UPDATE products_orderline SET discount = 0.01 WHERE unit_price IS NULL",
    ],
    "tax_needs_a_rate_and_is_not_negative": [
        "UPDATE products_orderline SET tax = 0.01",
        "UPDATE products_orderline SET tax = -0.01, tax_rate = 19",
        "UPDATE products_orderline SET tax = 0.01, tax_rate = 0",
    ],
    "tax_rate_is_a_percentage": [
        "UPDATE products_orderline SET tax_rate = -1",
        "UPDATE products_orderline SET tax_rate = 101",
    ],
    "unit_price_is_not_negative": ["UPDATE products_orderline SET unit_price = -0.01"],
    "one_line_per_product_and_order": [
        "UPDATE products_orderline SET product_id = (SELECT min(id) FROM products_product)"
    ],
    "a_movement_moves_something": [a_movement(delta=0, reason="RECEIVED", line="NULL")],
    "a_movement_has_a_known_reason": [a_movement(delta=1, reason="STOLEN", line="NULL")],
    "only_orders_move_stock_for_a_line": [
        a_movement(delta=1, reason="RECEIVED"),
        a_movement(delta=-1, reason="SOLD", line="NULL"),
        a_movement(delta=1, reason="CANCELLED", line="NULL"),
    ],
    "one_movement_per_line_reason_and_part": [
        a_movement(delta=-1, reason="SOLD"),
        a_movement(delta=-1, reason="CANCELLED", part=1),
    ],
    "one_movement_per_person_and_key": [
        a_movement(delta=1, reason="RECEIVED", line="NULL", by="(SELECT min(id) FROM auth_user)", key="'k'")
    ],
    "an_event_is_about_an_order_or_a_product": [
        EVENT.format(order="NULL", product="NULL"),
        EVENT.format(order="id", product="(SELECT min(id) FROM products_product)"),
    ],
    "a_feed_position_is_positive": ["UPDATE products_feedentry SET position = 0 WHERE position = 1"],
    "a_feed_entry_is_about_an_order_or_a_product": [
        "UPDATE products_feedentry SET product_id = NULL WHERE order_id IS NULL",
        "UPDATE products_feedentry SET product_id = (SELECT min(id) FROM products_product) WHERE order_id IS NOT NULL",
    ],
    "an_event_is_told_once": ["UPDATE products_feedentry SET is_derived = false"],
    "one_feed_entry_per_order_and_sequence": [
        "UPDATE products_feedentry SET sequence = 1 WHERE order_id IS NOT NULL",
    ],
    "one_feed_entry_per_product_and_sequence": [
        "UPDATE products_feedentry SET sequence = 1 WHERE product_id IS NOT NULL",
    ],
    "a_webhook_address_is_a_url": ["UPDATE products_webhookendpoint SET address = 'ftp://erp.example.com/'"],
    "a_webhook_begins_in_the_feed": ["UPDATE products_webhookendpoint SET position = -1"],
    "a_webhook_has_a_secret": ["UPDATE products_webhookendpoint SET seed = ''"],
    "a_previous_secret_has_an_end": [
        "UPDATE products_webhookendpoint SET previous_seed = 'x'",
        "UPDATE products_webhookendpoint SET previous_until = created_at",
    ],
    "a_webhook_is_off_for_a_reason": [
        "UPDATE products_webhookendpoint SET is_active = false",
        "UPDATE products_webhookendpoint SET off_reason = 'x'",
    ],
    "a_failing_webhook_knows_since_when": [
        "UPDATE products_webhookendpoint SET failures = 1",
        "UPDATE products_webhookendpoint SET failures = -1, failing_since = created_at",
        "UPDATE products_webhookendpoint SET failing_since = created_at",
    ],
    "one_delivery_per_webhook_and_entry": [
        "UPDATE products_webhookdelivery SET entry_id = (SELECT min(position) FROM products_feedentry)"
    ],
    "a_delivery_is_pending_or_over": [
        "UPDATE products_webhookdelivery SET state = 'LOST'",
        "UPDATE products_webhookdelivery SET state = 'DELIVERED'",
        "UPDATE products_webhookdelivery SET next_attempt_at = NULL",
        "UPDATE products_webhookdelivery SET finished_at = next_attempt_at",
    ],
    "only_a_pending_delivery_is_leased": [
        "UPDATE products_webhookdelivery SET lease_until = next_attempt_at",
        "UPDATE products_webhookdelivery SET lease = '0192f1c07a507d1b8d644f2b7a9e3c10'",
        "UPDATE products_webhookdelivery SET state = 'DELIVERED', finished_at = next_attempt_at,"
        " next_attempt_at = NULL, lease_until = next_attempt_at, lease = '0192f1c07a507d1b8d644f2b7a9e3c10'",
    ],
    "delivery_attempts_are_not_negative": ["UPDATE products_webhookdelivery SET attempts = -1"],
    "an_attempt_has_a_code_or_an_error": [
        "UPDATE products_webhookattempt SET code = NULL",
        "UPDATE products_webhookattempt SET error = 'No answer.'",
        "UPDATE products_webhookattempt SET code = 1000",
    ],
    "an_attempt_takes_time": ["UPDATE products_webhookattempt SET seconds = -0.1"],
    "there_is_one_feed_state": ["UPDATE products_feedstate SET id = 2"],
    "paid_and_refunded_are_not_negative": ["UPDATE products_order SET refunded = -0.01"],
    "refunded_is_at_most_what_was_paid": ["UPDATE products_order SET refunded = paid + 0.01"],
    "shipped_and_cancelled_are_at_most_the_quantity": [
        "UPDATE products_orderline SET shipped = quantity + 1",
        "UPDATE products_orderline SET cancelled = quantity + 1",
        "UPDATE products_orderline SET shipped = quantity, cancelled = 1, returned = 0, restocked = 0",
    ],
    "returned_is_at_most_what_was_shipped": ["UPDATE products_orderline SET returned = shipped + 1"],
    "restocked_is_at_most_what_came_back": ["UPDATE products_orderline SET restocked = returned + cancelled + 1"],
    "counters_of_a_line_are_not_negative": [
        "UPDATE products_orderline SET restocked = -1",
        "UPDATE products_orderline SET shipped = 0, returned = -1, restocked = 0",
    ],
    **{f"a_{each}_has_its_own_number_in_its_order": [f"UPDATE products_{each} SET number = 1"] for each in FULFILMENTS},
    **{f"one_{each}_per_order_and_key": [f"UPDATE products_{each} SET idempotency_key = 'k'"] for each in FULFILMENTS},
    **{
        f"a_{each}_names_a_line_once": [f"UPDATE products_{each}line SET {each}_id = {FIRST.format(each)}"]
        for each in FULFILMENTS
    },
    **{
        f"a_{each}_line_is_for_at_least_1_piece": [f"UPDATE products_{each}line SET quantity = 0"]
        for each in FULFILMENTS[:2]
    },
    "a_return_line_is_for_at_least_1_piece": ["UPDATE products_returnline SET quantity = 0, restocked = 0"],
    "a_refund_line_is_for_at_least_1_piece": ["UPDATE products_refundline SET quantity = 0"],
    "a_return_restocks_at_most_what_came_back": [
        "UPDATE products_returnline SET restocked = quantity + 1",
        "UPDATE products_returnline SET restocked = -1",
    ],
    "an_import_has_a_known_state": ["UPDATE products_productimport SET state = 'LOST'"],
    "a_row_of_an_import_has_a_known_kind": ["UPDATE products_productimportrow SET kind = 'ODD'"],
    "a_row_of_an_import_has_a_known_state": ["UPDATE products_productimportrow SET state = 'LOST'"],
    "an_import_names_a_line_once": ["UPDATE products_productimportrow SET line = 2"],
    "an_event_brings_one_mail_of_a_kind": ["UPDATE products_mail SET kind = 'refund'"],
    "a_mail_has_a_known_kind": ["UPDATE products_mail SET kind = 'greeting' WHERE kind = 'refund'"],
    "a_mail_has_a_known_state": ["UPDATE products_mail SET state = 'lost', next_attempt_at = NULL"],
    "a_waiting_mail_has_a_next_attempt": [
        "UPDATE products_mail SET next_attempt_at = NULL",
        "UPDATE products_mail SET state = 'failed'",
    ],
    "a_sent_mail_knows_when": ["UPDATE products_mail SET state = 'sent', next_attempt_at = NULL"],
    "a_mail_that_is_not_skipped_has_a_recipient": ["UPDATE products_mail SET recipient = ''"],
    "attempts_and_copies_are_not_negative": [
        "UPDATE products_mail SET attempts = -1",
        "UPDATE products_mail SET copies = -1",
    ],
    "there_is_one_mail_cursor": [
        "INSERT INTO products_mailcursor (id, position, since) SELECT 2, 0, queued_at FROM products_mail"
    ],
    "a_refund_pays_something_back": ["UPDATE products_refund SET amount = 0"],
}


@pytest.fixture
def _a_small_world(alice, a_product, a_category):
    """A cart, and a cancelled and a placed order of two lines each; somebody received a mug under the key k.

    A fourth order was shipped, cancelled, returned and refunded in parts, each twice and the first time under the key
    k, and brings two mails. Alice keeps two addresses and has drawn up a bulk job, mugs are below the kitchen, and a
    file with two products was read. Two entries of the feed failed to reach a webhook.
    """
    Category.objects.create(slug="mugs", name="Mugs", parent=a_category)
    mug, lamp = a_product(stock=5), a_product(stock=5)
    Order.objects.create(customer=alice, items=[(mug, 1), (lamp, 1)]).cancel()
    Order.objects.create(customer=alice, items=[(mug, 1), (lamp, 1)])
    Order.objects.create(customer=alice, status=Status.CART, items=[(mug, 1)])
    mug.receive(1, by=alice, key="k")
    fulfilled = Order.objects.create(customer=alice, items=[(mug, 2), (lamp, 3)])
    fulfilled.pay()
    for key in ("k", None):
        fulfilled.ship(lines=[(mug, 1)], key=key)
        fulfilled.cancel(lines=[(lamp, 1)], key=key)
        fulfilled.return_goods(lines=[(mug, 1)], key=key)
        fulfilled.refund(lines=[(lamp, 1)], key=key)
    read = ProductImport.objects.create(name="mugs.csv")
    for line in (2, 3):
        ProductImportRow.objects.create(batch=read, line=line, kind=RowKind.BAD)
    for kind in ("order_confirmation", "refund"):
        Mail.objects.create(
            event=fulfilled.events.first(), kind=kind, recipient="alice@example.com", next_attempt_at=timezone.now()
        )
    for line1 in ("Hauptstr. 1", "Nebenstr. 2"):
        Address.objects.create(customer=alice, name="Alice", line1=line1, city="Berlin", country="DE")
    number_all_events()
    BulkJob.objects.draw_up("pay", Order.objects.placed(), by=alice)
    webhook = WebhookEndpoint.objects.create(address="https://erp.example.com/hooks", seed="s", position=1)
    for entry in FeedEntry.objects.order_by("position")[:2]:
        webhook.deliveries.create(entry=entry, subject="product 1").log.create(code=500, seconds=0.1)


def constraints():
    return {constraint.name: constraint for model in our_models() for constraint in model._meta.constraints}


def our_models():
    return apps.get_app_config("products").get_models()


def test_every_law_is_put_to_the_test():
    assert set(constraints()) == set(VIOLATIONS)


@pytest.mark.usefixtures("_a_small_world")
def test_the_database_refuses_what_breaks_the_law(subtests):
    statements = [(law, statement) for law, statements in VIOLATIONS.items() for statement in statements]

    # Without the triggers, which refuse most of it before a constraint is asked.
    with triggers_lifted():
        for law, statement in statements:
            with subtests.test(law, statement=statement):
                with pytest.raises(IntegrityError) as refusal, transaction.atomic():
                    connection.cursor().execute(statement)
                assert broken_by(refusal.value) == name_of(law)


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO products_category (slug, name) SELECT slug, name FROM products_category",
        "UPDATE products_product SET sku = 'MUG'",
        "UPDATE products_apitoken SET digest = ''",
    ],
)
def test_what_names_a_thing_names_no_other(a_product, a_category, api, alice, statement):
    a_product(), a_product()
    api(alice), api(alice)

    with pytest.raises(IntegrityError, match=r"(?i)unique constraint"), transaction.atomic():
        connection.cursor().execute(statement)


def broken_by(error):
    """What the database says was broken; SQLite gives a unique constraint's columns instead of its name."""
    if connection.vendor == "postgresql":
        return error.__cause__.diag.constraint_name
    return str(error).split("failed: ")[1]


def name_of(law):
    constraint = constraints()[law]
    if connection.vendor == "postgresql" or not isinstance(constraint, UniqueConstraint):
        return law
    if constraint.expressions:
        return f"index '{law}'"
    [model] = [model for model in our_models() if constraint in model._meta.constraints]
    columns = [model._meta.get_field(name).column for name in constraint.fields]
    return ", ".join(f"{model._meta.db_table}.{column}" for column in columns)


@pytest.mark.skipif(connection.vendor != "postgresql", reason="looks into the catalog of PostgreSQL")
def test_the_laws_of_what_an_order_writes_are_short():
    tables = ["order", "orderline", "product", "stockmovement", "event"]
    laws = """
        SELECT sum(length(conbin::text) - length(replace(conbin::text, '{', ''))) FROM pg_constraint
        WHERE contype = 'c' AND conrelid = ANY (%s::regclass[])
    """

    with connection.cursor() as cursor:
        cursor.execute(laws, [[f"products_{table}" for table in tables]])
        [nodes] = cursor.fetchone()

    # PostgreSQL parses them again with every INSERT and UPDATE (ADR 0061). There were 305, and then 218.
    assert nodes <= 260
