from django.db import migrations

CREATE = """
CREATE FUNCTION products_place_order_3(
    new_id uuid, new_customer_id bigint, new_number varchar, new_status varchar, new_total numeric,
    new_currency varchar,
    new_idempotency_key varchar, new_request_digest varchar, new_payment_reference varchar, new_carrier varchar,
    new_tracking_number varchar, new_created_at timestamptz, new_placed_at timestamptz, new_pay_by timestamptz,
    new_prices_include_tax boolean, new_details text[], new_money numeric[],
    line_ids uuid[], line_products bigint[], line_quantities integer[], line_skus varchar[], line_names varchar[],
    line_prices numeric[], line_tax_classes varchar[], line_discounts numeric[], line_discount_shares numeric[],
    line_tax_rates numeric[], line_taxes numeric[], event_facts jsonb, placed_by bigint
) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    available integer;
BEGIN
    -- Lock the products in id order, so that two orders for the same goods cannot deadlock, and count those that are as
    -- they were looked up and have enough stock. A row that had to be waited for is seen as it is after the wait.
    SELECT count(*) INTO available FROM (
        SELECT FROM products_product AS product
        JOIN unnest(line_products, line_quantities, line_skus, line_names, line_prices, line_tax_classes)
            AS line (product_id, quantity, sku, name, price, tax_class) ON line.product_id = product.id
        WHERE product.stock >= line.quantity AND product.retired_at IS NULL
            AND (product.sku, product.name, product.price, product.tax_class)
                = (line.sku, line.name, line.price, line.tax_class)
        ORDER BY product.id
        FOR NO KEY UPDATE OF product
    ) AS locked;
    IF available < cardinality(line_products) THEN
        RETURN false;
    END IF;

    UPDATE products_product AS product SET stock = product.stock - line.quantity
        FROM unnest(line_products, line_quantities) AS line (product_id, quantity)
        WHERE product.id = line.product_id;
    INSERT INTO products_order (
        id, customer_id, number, status, total, currency, idempotency_key, request_digest, payment_reference, carrier,
        tracking_number, reference, note, email, phone, ship_to_name, ship_to_company, ship_to_line1, ship_to_line2,
        ship_to_postal_code, ship_to_city, ship_to_region, ship_to_country, discount, shipping, shipping_tax_rate,
        shipping_tax, tax, prices_include_tax, created_at, placed_at, pay_by, updated_at
    ) VALUES (
        new_id, new_customer_id, new_number, new_status, new_total, new_currency, new_idempotency_key, new_request_digest,
        new_payment_reference, new_carrier, new_tracking_number, coalesce(new_details[1], ''),
        coalesce(new_details[2], ''), coalesce(new_details[3], ''), coalesce(new_details[4], ''),
        coalesce(new_details[5], ''), coalesce(new_details[6], ''), coalesce(new_details[7], ''),
        coalesce(new_details[8], ''), coalesce(new_details[9], ''), coalesce(new_details[10], ''),
        coalesce(new_details[11], ''), coalesce(new_details[12], ''), coalesce(new_money[1], 0.00),
        coalesce(new_money[2], 0.00), new_money[3], coalesce(new_money[4], 0.00), coalesce(new_money[5], 0.00),
        new_prices_include_tax, new_created_at, new_placed_at, new_pay_by, new_placed_at
    );
    INSERT INTO products_orderline (
        id, order_id, product_id, quantity, sku, name, unit_price, discount, discount_share, tax_rate, tax
    )
        SELECT line.id, new_id, line.product_id, line.quantity, line.sku, line.name, line.price,
            coalesce(line.discount, 0.00), coalesce(line.discount_share, 0.00), line.tax_rate, coalesce(line.tax, 0.00)
        FROM unnest(
            line_ids, line_products, line_quantities, line_skus, line_names, line_prices, line_discounts,
            line_discount_shares, line_tax_rates, line_taxes
        ) AS line (id, product_id, quantity, sku, name, price, discount, discount_share, tax_rate, tax);
    INSERT INTO products_stockmovement (product_id, delta, reason, line_id, note, at)
        SELECT line.product_id, -line.quantity, 'SOLD', line.id, '', new_placed_at
        FROM unnest(line_ids, line_products, line_quantities) AS line (id, product_id, quantity);
    INSERT INTO products_event (kind, order_id, by_id, facts, at)
        VALUES ('order.placed', new_id, placed_by, event_facts, new_placed_at);
    RETURN true;
END $$
"""

DROP = "DROP FUNCTION products_place_order_3"


def create(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(CREATE, params=None)


def drop(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(DROP)


class Migration(migrations.Migration):
    """The function that places an order in one statement, with the columns of 0025. The running release calls 0020's."""

    dependencies = [("products", "0025_money")]

    operations = [migrations.RunPython(create, drop)]
