-- An order of one line as a transaction, with one statement for each step.
\set product random(:first, :last)
\set customer random(1, :customers)
BEGIN;
SELECT id, sku, name, price, stock, gen_random_uuid() AS order_id, gen_random_uuid() AS line_id
FROM products_product WHERE id = :product FOR NO KEY UPDATE \gset
INSERT INTO products_order
    (id, customer_id, status, total, currency, idempotency_key, request_digest, payment_reference, carrier,
     tracking_number, created_at, placed_at)
VALUES (:order_id, :customer, 'PLACED', :price, 'EUR', gen_random_uuid()::text, 'digest', '', '', '', now(), now());
INSERT INTO products_orderline (id, order_id, product_id, quantity, sku, name, unit_price)
VALUES (:line_id, :order_id, :product, 1, :sku, :name, :price);
UPDATE products_product SET stock = stock - 1 WHERE id = :product;
INSERT INTO products_stockmovement (product_id, delta, reason, line_id, note, at)
VALUES (:product, -1, 'SOLD', :line_id, '', now());
INSERT INTO products_event (kind, order_id, by_id, facts, at)
VALUES ('order.placed', :order_id, :customer, '{"from": null, "to": "PLACED"}', now());
COMMIT;
