"""An HTTP server that speaks the chat completion protocol, and misbehaves as it is told."""

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

KEY = "sk-not-to-be-seen-anywhere"

Reply = Callable[["Handler", int], None]


class Handler(BaseHTTPRequestHandler):
    """Answers by the server's `reply`, which is told how often this request has come."""

    server: "ChatServer"
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self.body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        prompt = self.body["messages"][-1]["content"]
        key = f"{prompt}#{self.body['seed']}"
        with self.server.lock:
            self.server.asked[key] += 1
            count = self.server.asked[key]
            self.server.bodies.append(self.body)
            self.server.now += 1
            self.server.most = max(self.server.most, self.server.now)
        try:
            if self.path != "/v1/chat/completions" or self.headers.get("Authorization") != f"Bearer {KEY}":
                self.send(401, {"error": {"message": "wrong key"}})
            else:
                self.server.reply(self, count)
        finally:
            with self.server.lock:
                self.server.now -= 1

    @property
    def prompt(self) -> str:
        """What the user message asks."""
        return str(self.body["messages"][-1]["content"])

    def send(self, status: int, content: Any, **headers: str) -> None:
        data = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(data)

    def say(self, text: str | None, finish: str = "stop", tokens: int = 20, **message: Any) -> None:
        """An ordinary completion."""
        choice = {"index": 0, "finish_reason": finish, "message": {"role": "assistant", "content": text, **message}}
        self.send(200, {"object": "chat.completion", "choices": [choice], "usage": {"total_tokens": tokens}})

    def pair(self) -> None:
        """The answer that is wanted, another one each time that it is asked for."""
        number = self.server.asked.total()
        about = f"{self.prompt} (seed {self.body['seed']}, number {number})"
        self.say(json.dumps({"question": f"What is {about}?", "answer": f"It is the answer to {about}."}))

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: the test's output is for the test."""


class ChatServer(ThreadingHTTPServer):
    """Counts what it is asked."""

    daemon_threads = True

    def __init__(self, reply: Reply) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.reply, self.lock = reply, threading.Lock()
        self.asked: Counter[str] = Counter()
        self.bodies: list[dict[str, Any]] = []
        self.now = self.most = 0
        self.closing = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1"

    def hang(self) -> None:
        """Say nothing until the server closes."""
        self.closing.wait(60)

    def trickle(self, handler: Handler) -> None:
        """Promise an answer, and give a byte of it now and then."""
        handler.send_response(200)
        handler.send_header("Content-Length", "100000")
        handler.end_headers()
        while not self.closing.is_set():
            try:
                handler.wfile.write(b" ")
                handler.wfile.flush()
            except OSError:
                return
            time.sleep(0.02)


@contextmanager
def serving(reply: Reply) -> Iterator[ChatServer]:
    """A server for the time of a test."""
    server = ChatServer(reply)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server
    finally:
        server.closing.set()
        server.shutdown()
        server.server_close()
        thread.join()
