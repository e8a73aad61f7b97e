from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from products.management import demo
from products.models import Product

WELCOME = """\
{loaded}

  The shop      http://127.0.0.1:{port}/
  Its admin     http://127.0.0.1:{port}/{admin}
  Its API       http://127.0.0.1:{port}/api/docs

  Customers     {customers}
  Staff         {staff}
  In a role     {in_roles}

Try it from another terminal, in this directory:

{calls}
"""

# A test holds these lines equal to those in the README.
CALLS = """\
. .venv/bin/activate
export TOKEN=$(http -b POST :{port}/api-token-auth/ username=alice password={password} | \
python -c 'import json, sys; print(json.load(sys.stdin)["token"])')
http :{port}/api/products "Authorization: Token $TOKEN"
http POST :{port}/api/orders "Authorization: Token $TOKEN" "Idempotency-Key: my-first-order" \
product={product} quantity=2
http POST :{port}/api/orders "Authorization: Token $TOKEN" "Idempotency-Key: my-first-order" \
product={product} quantity=2
http :{port}/api/orders "Authorization: Token $TOKEN"
"""


class Command(BaseCommand):
    help = "Load demo data, once, and print how to try it."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--port", type=int, default=8000, help="port that the shop is served on (default: 8000)")

    def handle(self, *, port: int, **options: Any) -> None:
        if not settings.DEBUG:
            raise CommandError("Demo data has publicly known passwords, so it can be loaded with DEBUG=true only.")
        self.stdout.write(_welcome(port, loaded=demo.load()))


def _welcome(port: int, *, loaded: bool) -> str:
    names = {name: f"{name} / {password}" for name, password in demo.PASSWORDS.items()}
    product = Product.objects.on_sale().values_list("pk", flat=True).first()
    calls = CALLS.format(port=port, password=demo.PASSWORDS["alice"], product=product)
    return WELCOME.format(
        loaded="Demo data is loaded." if loaded else "Demo data was already loaded; nothing was changed.",
        port=port,
        admin=settings.ADMIN_URL,
        customers=f"{names['alice']}   {names['bob']}",
        staff=f"{names['staff']}   {names['admin']} (superuser)",
        in_roles="   ".join(names[name] for name in demo.IN_ROLE),
        calls=calls.rstrip(),
    )
