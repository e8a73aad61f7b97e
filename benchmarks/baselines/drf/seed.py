"""Create the tables and the customers and print [[name, token], …]. Usage: seed.py PASSWORD NAME…"""

import json
import os
import sys

import django
from django.core.management import call_command

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bookshop.settings")
django.setup()

from django.contrib.auth import get_user_model  # noqa: E402
from rest_framework.authtoken.models import Token  # noqa: E402

password, *names = sys.argv[1:]
call_command("migrate", verbosity=0)
customers = []
for name in names:
    user = get_user_model().objects.create_user(name, password=password)
    customers.append([name, Token.objects.create(user=user).key])
sys.stdout.write(json.dumps(customers))
