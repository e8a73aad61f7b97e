-- The limits of time that the shop asks for behind PgBouncer. compose.yaml's profile pgbouncer sets them at each start.
ALTER ROLE shop SET lock_timeout = '1s';
ALTER ROLE shop SET statement_timeout = '4s';
ALTER ROLE shop SET idle_in_transaction_session_timeout = '30s';
