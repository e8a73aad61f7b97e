from django.db import migrations

CREATE = """
CREATE FUNCTION products_active_token_1(token_digest varchar, moment timestamptz)
RETURNS TABLE (
    id bigint, user_id integer, digest varchar, password_digest varchar, last_used_on date,
    owner_id integer, password varchar, is_superuser boolean, username varchar, is_staff boolean, is_active boolean
) LANGUAGE plpgsql STABLE ROWS 1 AS $$
BEGIN
    RETURN QUERY
        SELECT token.id, token.user_id, token.digest, token.password_digest, token.last_used_on,
            owner.id, owner.password, owner.is_superuser, owner.username, owner.is_staff, owner.is_active
        FROM products_apitoken AS token JOIN auth_user AS owner ON owner.id = token.user_id
        WHERE token.digest = token_digest AND token.revoked_at IS NULL AND token.expires_at > moment
            AND owner.is_active;
END $$
"""

DROP = "DROP FUNCTION products_active_token_1"


def create(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(CREATE, params=None)


def drop(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(DROP)


class Migration(migrations.Migration):
    """A function that finds an active token and its user (products.models.tokens); PostgreSQL keeps its plan."""

    dependencies = [("products", "0012_rename_token_prefix"), ("auth", "0012_alter_user_first_name_max_length")]

    operations = [migrations.RunPython(create, drop)]
