-- An order of one line as a single statement: the least work that PostgreSQL has to do for it.
\set product random(:first, :last)
\set customer random(1, :customers)
WITH product AS (
    UPDATE products_product SET stock = stock - 1
    WHERE id = :product AND retired_at IS NULL AND stock >= 1
    RETURNING id, sku, name, price
), placed AS (
    INSERT INTO products_order
        (id, customer_id, status, total, currency, idempotency_key, request_digest, payment_reference, carrier,
         tracking_number, created_at, placed_at)
    SELECT gen_random_uuid(), :customer, 'PLACED', price, 'EUR', gen_random_uuid()::text, 'digest', '', '', '',
        now(), now()
    FROM product
    RETURNING id
), line AS (
    INSERT INTO products_orderline (id, order_id, product_id, quantity, sku, name, unit_price)
    SELECT gen_random_uuid(), placed.id, product.id, 1, sku, name, price FROM placed, product
    RETURNING id, product_id
), movement AS (
    INSERT INTO products_stockmovement (product_id, delta, reason, line_id, note, at)
    SELECT product_id, -1, 'SOLD', id, '', now() FROM line
)
INSERT INTO products_event (kind, order_id, by_id, facts, at)
SELECT 'order.placed', id, :customer, '{"from": null, "to": "PLACED"}', now() FROM placed;
