"""Staff who receive, correct and count the stock."""

from chaos.clients.client import Client, Request


class Stockkeeper(Client):
    """Sees to it that there is something to sell, and never too much: a shop that runs short is tested best."""

    pause = 0.25

    def do_something(self) -> None:
        product = self.random.choice(self.products)
        path, choice = f"/api/products/{product['id']}/stock", self.random.random()
        if choice < 0.7:
            body = {"delta": self.random.randint(1, product["delivery"]), "reason": "RECEIVED"}
            self.insist(Request("receive", "POST", path, body, self.new_key()))
        elif choice < 0.85:
            self.insist(Request("correct", "POST", path, {"delta": -self.random.randint(1, 3)}, self.new_key()))
        else:
            self.count(product["id"], path)

    def count(self, product: int, path: str) -> None:
        """Write down what there is, or a few pieces more or fewer, if nobody has taken any in between."""
        seen = self.insist(Request("look", "GET", f"/api/products/{product}"))
        if seen.status == 200:
            there = seen.body["stock"]
            counted = max(0, there + self.random.randint(-2, 2))
            self.insist(Request("count", "POST", path, {"set": counted, "expected": there}, self.new_key()))
