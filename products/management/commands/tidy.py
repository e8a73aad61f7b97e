from products.management.commands import purge


class Command(purge.Command):
    help = "The former name of `purge`, kept for existing scheduled jobs."
