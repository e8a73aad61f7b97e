"""Customers: they order few hot products, change their minds, and look at what they have."""

import json
import socket
from contextlib import suppress
from typing import Any

from chaos.clients.client import Client, Request


class Customer(Client):
    """Places keyed orders, and now and then one that has to be refused; cancels some of them and reads others."""

    def __init__(self, settings: dict[str, Any], over: Any) -> None:
        super().__init__(settings, over)
        self.placed: list[str] = []

    def do_something(self) -> None:
        choice = self.random.random()
        if choice < 0.72:
            self.place()
        elif choice < 0.76:
            self.ask_for_what_is_unknown()
        elif choice < 0.79:
            self.use_a_key_twice()
        elif choice < 0.89 and self.placed:
            self.cancel()
        elif self.placed:
            self.read()
        else:
            self.insist(Request("browse", "GET", "/api/products"))

    def cart(self) -> dict[str, Any]:
        chosen = self.random.sample(self.products, self.random.randint(1, 3))
        return {"lines": [{"product": each["id"], "quantity": self.random.randint(1, 4)} for each in chosen]}

    def place(self) -> Request | None:
        """Order something; the request, where it was granted."""
        request = Request("place", "POST", "/api/orders", self.cart(), self.new_key())
        answer = self.insist(request)
        if answer.status != 201:
            return None
        self.placed.append(answer.body["id"])
        return request

    def ask_for_what_is_unknown(self) -> None:
        body = {"lines": [*self.cart()["lines"], {"product": 999_999_999, "quantity": 1}]}
        self.insist(Request("place_unknown", "POST", "/api/orders", body, self.new_key()))

    def use_a_key_twice(self) -> None:
        first = self.place()
        if first is None:
            return
        lines = [{**line, "quantity": line["quantity"] + 1} for line in first.body["lines"]]
        self.insist(Request("place_otherwise", "POST", "/api/orders", {"lines": lines}, first.key))

    def cancel(self) -> None:
        order = self.placed.pop(self.random.randrange(len(self.placed)))
        self.insist(Request("cancel", "POST", f"/api/orders/{order}/cancel"))

    def read(self) -> None:
        self.insist(Request("read", "GET", f"/api/orders/{self.random.choice(self.placed[-50:])}"))


class GreedyCustomer(Customer):
    """Reads the catalogue as fast as it can, and does not listen when it is told to come back later."""

    pause = 0.01

    def do_something(self) -> None:
        self.ask(Request("browse", "GET", "/api/products"), f"{self.name}/{next(self.numbers)}", 1)


class HastyCustomer(Customer):
    """Hangs up in the middle of a request, or before its answer, and then asks again as everybody does."""

    def do_something(self) -> None:
        self.place()

    def insist(self, request: Request) -> Any:
        if request.kind == "place":
            self.ask_and_hang_up(request)
        return super().insist(request)

    def ask_and_hang_up(self, request: Request) -> None:
        body = json.dumps(request.body).encode()
        self._look_into_the_directory()
        headers = {**self.headers_of(request), "Host": "127.0.0.1", "Content-Length": str(len(body))}
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        whole = f"POST {request.path} HTTP/1.1\r\n{head}\r\n".encode() + body
        # Half of them send all of it, and do not wait for what becomes of it.
        part = whole if self.random.random() < 0.5 else whole[: self.random.randrange(1, len(whole))]
        self.diary.write("hung_up", kind=request.kind, key=request.key, bytes=len(part), of=len(whole))
        with suppress(OSError), socket.create_connection(self.addresses[0], timeout=2) as connection:
            connection.sendall(part)
            self.over.wait(self.random.choice([0, 0.005, 0.02]))
