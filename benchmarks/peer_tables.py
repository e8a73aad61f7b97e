"""The baselines' rows."""

from benchmarks.goods import Tables, sequence_behind


def tables(*, category: str, product: str, order: str, line: str) -> Tables:
    """The statements for a shop whose tables have these names."""
    return Tables(
        begin=[
            f"""
            INSERT INTO {category} (id, slug, name)
            SELECT n, 'shelf-' || n, 'Shelf ' || n FROM generate_series(1, 20) n
        """
        ],
        products=[
            f"""
            INSERT INTO {product} (id, sku, name, description, category_id, price, stock, created_at, updated_at)
            SELECT id, sku, name, description, category, price, %(stock)s, now() - interval '367 days',
                now() - interval '367 days'
            FROM pg_temp.goods(%(first)s, %(last)s)
            """
        ],
        orders=[
            f"""
            INSERT INTO {order} (id, customer_id, status, total, currency, placed_at)
            SELECT id, customer, 'PLACED', total, 'EUR', moment
            FROM pg_temp.orders(%(first)s, %(last)s, %(orders)s, %(customers)s)
            JOIN (
                SELECT k, sum(quantity * price) AS total
                FROM pg_temp.lines(%(first)s, %(last)s, %(products)s)
                GROUP BY k
            ) totals USING (k)
            """,
            f"""
            INSERT INTO {line} (order_id, product_id, sku, name, quantity, unit_price)
            SELECT id, product, pg_temp.sku(product), pg_temp.name(product), quantity, price
            FROM pg_temp.orders(%(first)s, %(last)s, %(orders)s, %(customers)s)
            JOIN pg_temp.lines(%(first)s, %(last)s, %(products)s) USING (k) ORDER BY k, place
            """,
        ],
        finish=[sequence_behind(category), sequence_behind(product)],
    )


DRF = tables(category="store_category", product="store_product", order="store_order", line="store_orderline")
FASTAPI = tables(category="categories", product="products", order="orders", line="order_lines")
