"""Staff who receive, correct and count stock."""

from chaos.clients.client import Client, Request


class Stockkeeper(Client):
    """Keeps the stock low but not empty, because shortages are what is worth testing."""

    pause = 0.25

    def do_something(self) -> None:
        product = self.random.choice(self.products)
        path, choice = f"/api/products/{product['id']}/stock", self.random.random()
        if choice < 0.7:
            body = {"delta": self.random.randint(1, product["delivery"]), "reason": "RECEIVED"}
            self.send(Request("receive", "POST", path, body, self.new_key()))
        elif choice < 0.85:
            self.send(Request("correct", "POST", path, {"delta": -self.random.randint(1, 3)}, self.new_key()))
        else:
            self.count(product["id"], path)

    def count(self, product: int, path: str) -> None:
        """Set the stock to what was seen, give or take two, on condition that it has not changed since."""
        seen = self.send(Request("look", "GET", f"/api/products/{product}"))
        if seen.status == 200:
            stock = seen.body["stock"]
            counted = max(0, stock + self.random.randint(-2, 2))
            self.send(Request("count", "POST", path, {"set": counted, "expected": stock}, self.new_key()))
