"""One client: works until its standard input ends, brings what it is at to an end, and ends.

Its only argument is a JSON object: role, name, user, token, seed, history, directory and products (id, price, …).
"""

import json
import sys
import threading

from chaos.clients.customer import Customer, GreedyCustomer, HastyCustomer
from chaos.clients.stockkeeper import Stockkeeper

ROLES = {"customer": Customer, "greedy": GreedyCustomer, "hasty": HastyCustomer, "stockkeeper": Stockkeeper}


def main() -> None:
    settings = json.loads(sys.argv[1])
    over = threading.Event()

    def wait_for_the_end() -> None:
        sys.stdin.read()
        over.set()

    threading.Thread(target=wait_for_the_end, daemon=True).start()
    ROLES[settings["role"]](settings, over).work()


if __name__ == "__main__":
    main()
