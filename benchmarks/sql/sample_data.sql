-- The products and past orders that every competitor starts with, as functions of a number, so that they are the same in
-- each database. The functions last for the session; sample_data.py creates them.

CREATE FUNCTION pg_temp.word(words text[], n bigint) RETURNS text IMMUTABLE LANGUAGE sql
AS $$ SELECT words[1 + n % array_length(words, 1)] $$;

-- Depends on the number only, so that order lines can compute it without reading the product.
CREATE FUNCTION pg_temp.price(n bigint) RETURNS numeric IMMUTABLE LANGUAGE sql
AS $$ SELECT ((n * 7919 % 20000 + 99) / 100.0)::numeric(10, 2) $$;

CREATE FUNCTION pg_temp.sku(n bigint) RETURNS text IMMUTABLE LANGUAGE sql
AS $$ SELECT 'SKU-' || lpad(n::text, 7, '0') $$;

-- Twenty products share a series, whose made-up name is rare, as in a search for a particular product.
CREATE FUNCTION pg_temp.series(n bigint) RETURNS text IMMUTABLE LANGUAGE sql
AS $$ SELECT initcap(translate(substr(md5(((n - 1) / 20)::text), 1, 8), '0123456789abcdef', 'bdfgklmnprstvzao')) $$;

CREATE FUNCTION pg_temp.name(n bigint) RETURNS text IMMUTABLE LANGUAGE sql
AS $$
    SELECT pg_temp.word('{Small,Large,Round,Square,Tall,Flat,Deep,Light,Heavy,Plain}', n)
        || ' ' || pg_temp.word('{oak,walnut,linen,wool,enamel,copper,steel,glass,leather,paper}', n / 10)
        || ' ' || pg_temp.word('{mug,lamp,towel,kettle,blanket,cushion,notebook,pen,candle,shears}', n / 100)
        || ' ' || pg_temp.series(n)
$$;

CREATE FUNCTION pg_temp.products(first bigint, last bigint)
RETURNS TABLE (id bigint, sku text, name text, description text, category bigint, price numeric) STABLE LANGUAGE sql
AS $$
    SELECT n, pg_temp.sku(n), pg_temp.name(n),
        'Made by hand in a small workshop, number ' || n || ' of its kind. Wipe it with a dry cloth and keep it out of the sun.',
        1 + n % 20, pg_temp.price(n)
    FROM generate_series(first, last) n
$$;

-- A UUIDv7 for a moment, always the same for the same seed.
CREATE FUNCTION pg_temp.uuid7(moment timestamptz, seed text) RETURNS uuid IMMUTABLE LANGUAGE sql
AS $$
    SELECT (lpad(to_hex((extract(epoch FROM moment) * 1000)::bigint), 12, '0')
        || '7' || substr(md5(seed), 1, 3) || 'b' || substr(md5(seed), 4, 15))::uuid
$$;

-- Order k of `orders`: spread evenly over the year that ended yesterday, by the customers in turn.
CREATE FUNCTION pg_temp.orders(first bigint, last bigint, orders bigint, customers bigint[])
RETURNS TABLE (k bigint, id uuid, customer bigint, moment timestamptz) STABLE LANGUAGE sql
AS $$
    SELECT k, pg_temp.uuid7(moment, 'order' || k), customers[1 + k % array_length(customers, 1)], moment
    FROM generate_series(first, last) k,
    LATERAL (SELECT date_trunc('day', now()) - interval '366 days' + k * (interval '365 days' / orders)) year (moment)
$$;

-- Two lines for each order, of two different products.
CREATE FUNCTION pg_temp.lines(first bigint, last bigint, products bigint)
RETURNS TABLE (k bigint, place integer, product bigint, quantity integer, price numeric) STABLE LANGUAGE sql
AS $$
    SELECT k, place, product, 1 + (k % 3)::integer, pg_temp.price(product)
    FROM generate_series(first, last) k, generate_series(0, 1) place,
    LATERAL (SELECT 1 + (k * 7919 + place * (1 + k % 97)) % products) picked (product)
$$;

-- Building an index once is much faster than updating it with every row. Unique indexes stay, as they are constraints.
CREATE FUNCTION pg_temp.drop_indexes() RETURNS void LANGUAGE plpgsql
AS $$
DECLARE
    index record;
BEGIN
    CREATE TEMPORARY TABLE dropped_indexes AS
    SELECT indexrelid::regclass::text AS name, pg_get_indexdef(indexrelid) AS definition
    FROM pg_index JOIN pg_class ON pg_class.oid = indrelid
    WHERE relnamespace = 'public'::regnamespace AND NOT indisunique;
    FOR index IN SELECT * FROM dropped_indexes LOOP
        EXECUTE format('DROP INDEX %s', index.name);
    END LOOP;
END
$$;

CREATE FUNCTION pg_temp.recreate_indexes() RETURNS void LANGUAGE plpgsql
AS $$
DECLARE
    index record;
BEGIN
    FOR index IN SELECT * FROM dropped_indexes LOOP
        EXECUTE index.definition;
    END LOOP;
END
$$;
