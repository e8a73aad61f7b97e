"""The shop's own rows: goods and old orders with everything that an order writes, so that the ledger is in balance."""

from benchmarks.goods import Tables, sequence_behind

# What `searchable` in products/models/product_queries.py makes of texts that are ASCII.
PRODUCTS = """
    INSERT INTO products_product
        (id, sku, name, description, category_id, price, stock, created_at, updated_at, search_text)
    SELECT id, sku, name, description, category, price, %(stock)s, now() - interval '367 days',
        now() - interval '367 days', lower(name || E'\\n' || sku || E'\\n' || description)
    FROM pg_temp.goods(%(first)s, %(last)s)
"""
CREATED = """
    INSERT INTO products_event (kind, product_id, facts, at)
    SELECT 'product.created', id, jsonb_build_object('price', price::text), now() - interval '367 days'
    FROM pg_temp.goods(%(first)s, %(last)s)
"""
CATEGORIES = """
    INSERT INTO products_category (id, slug, name)
    SELECT n, 'shelf-' || n, 'Shelf ' || n FROM generate_series(1, 20) n
"""
SALES = """
    CREATE TEMPORARY TABLE sales AS
    SELECT product, sum(quantity) AS sold FROM pg_temp.lines(1, %(orders)s, %(products)s) GROUP BY product
"""
# As much as there is now and was sold since.
RECEIVED = """
    INSERT INTO products_stockmovement (product_id, delta, reason, note, at)
    SELECT n, %(stock)s + coalesce(sold, 0), 'RECEIVED', 'Opening stock', now() - interval '367 days'
    FROM generate_series(%(first)s::bigint, %(last)s::bigint) n
    LEFT JOIN sales ON product = n
"""
ORDERS = """
    INSERT INTO products_order
        (id, customer_id, status, total, currency, request_digest, payment_reference, carrier, tracking_number,
         created_at, placed_at)
    SELECT id, customer, 'DELIVERED', total, 'EUR', '', '', 'Parcel Post', 'PP' || lpad(k::text, 8, '0'), moment, moment
    FROM pg_temp.orders(%(first)s, %(last)s, %(orders)s, %(customers)s)
    JOIN (
        SELECT k, sum(quantity * price) AS total FROM pg_temp.lines(%(first)s, %(last)s, %(products)s) GROUP BY k
    ) totals USING (k)
"""
A_LINE = "pg_temp.uuid7(moment + place * interval '1 ms', 'line' || k || '-' || place)"
ITS_ORDER = """
    FROM pg_temp.orders(%(first)s, %(last)s, %(orders)s, %(customers)s)
    JOIN pg_temp.lines(%(first)s, %(last)s, %(products)s) USING (k)
"""
LINES = f"""
    INSERT INTO products_orderline (id, order_id, product_id, quantity, sku, name, unit_price)
    SELECT {A_LINE}, id, product, quantity, pg_temp.sku(product), pg_temp.name(product), price
    {ITS_ORDER}
"""
SOLD = f"""
    INSERT INTO products_stockmovement (product_id, delta, reason, line_id, note, at)
    SELECT product, -quantity, 'SOLD', {A_LINE}, '', moment
    {ITS_ORDER} ORDER BY k, place
"""
PLACED = """
    INSERT INTO products_event (kind, order_id, by_id, facts, at)
    SELECT 'order.placed', id, customer, jsonb_build_object('from', NULL, 'to', 'PLACED', 'currency', 'EUR'), moment
    FROM pg_temp.orders(%(first)s, %(last)s, %(orders)s, %(customers)s) ORDER BY k
"""

SHOP = Tables(
    begin=[CATEGORIES, SALES],
    products=[PRODUCTS, CREATED, RECEIVED],
    orders=[ORDERS, LINES, SOLD, PLACED],
    finish=[sequence_behind("products_category"), sequence_behind("products_product")],
)
