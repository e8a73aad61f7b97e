"""A mail server of the tests: a little SMTP on 127.0.0.1, which keeps what it is sent, or refuses it."""

import socketserver
import threading


class _Dialogue(socketserver.StreamRequestHandler):
    def handle(self):
        self.say("220 here")
        while line := self.rfile.readline():
            word = line.decode().strip().upper()
            if word.startswith("EHLO"):
                self.say("250 8BITMIME")
            elif word.startswith("RCPT"):
                self.say(self.server.answer_to_recipient)
            elif word == "DATA":
                self.say("354 go on")
                data = b""
                while not data.endswith(b"\r\n.\r\n"):
                    data += self.rfile.readline()
                if self.server.drops_after_data:
                    return  # It has the message, and nobody hears of it.
                self.server.received.append(data[:-3])
                self.say("250 kept")
            elif word == "QUIT":
                self.say("221 bye")
                return
            else:
                self.say("250 well")

    def say(self, line):
        self.wfile.write(f"{line}\r\n".encode())


class SmtpServer(socketserver.ThreadingTCPServer):
    """Keeps the messages in `received`."""

    allow_reuse_address = daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Dialogue)
        self.received = []
        self.answer_to_recipient = "250 welcome"
        self.drops_after_data = False

    @property
    def port(self):
        return self.server_address[1]

    def __enter__(self):
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return super().__enter__()

    def __exit__(self, *arguments):
        self.shutdown()
        super().__exit__(*arguments)
