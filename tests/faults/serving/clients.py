"""Steady traffic of two tenants through two gateways; each request is written down by its client."""

import json
import random
import threading
import time
from collections.abc import Sequence

import httpx

from tests.faults.serving.history import Request

TIMEOUT = 40.0


class Client:
    """Asks one question after the other, streamed or not; takes the other gateway where one is not to be reached."""

    def __init__(self, urls: Sequence[str], key: str, model: str, *, stream: bool, pause: float, seed: int) -> None:
        self.urls, self.model, self.stream, self.pause = urls, model, stream, pause
        self.random, self.log = random.Random(seed), list[Request]()
        self.ended, self.id = threading.Event(), ""
        self.http = httpx.Client(headers={"authorization": f"Bearer {key}"}, timeout=TIMEOUT)
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def end(self) -> None:
        """After the request under way."""
        self.ended.set()
        self.thread.join(TIMEOUT + 10)

    def _run(self) -> None:
        while not self.ended.is_set():
            self.log.append(self._request())
            self.ended.wait(self.random.uniform(0, 2 * self.pause))

    def _request(self) -> Request:
        started, urls = time.time(), self.random.sample(list(self.urls), len(self.urls))
        model, tokens, error, tried = "", 0, "", list[str]()
        self.id = ""
        for url in urls:
            tried.append(url)
            model, tokens, error, is_gone = self._ask(url)
            if not is_gone or tokens:
                break
        error = error or ("" if tokens else "the answer is empty")
        return Request(started, time.time(), model, tokens, error, self.stream, tuple(tried), self.id)

    def _ask(self, url: str) -> tuple[str, int, str, bool]:
        """Model, pieces of text, what went wrong, and whether it was the gateway that went away."""
        question = f"What is {self.random.randrange(10_000)}?"
        body = {"model": self.model, "messages": [{"role": "user", "content": question}], "max_tokens": 8}
        model, tokens = "", 0
        try:
            if not self.stream:
                response = self.http.post(f"{url}/v1/chat/completions", json=body)
                model = response.headers.get("x-genai-model", "")
                if response.status_code != 200:
                    return model, 0, f"{response.status_code} {response.text[:300]}", False
                return model, len(response.json()["choices"][0]["message"]["content"].split()), "", False
            with self.http.stream("POST", f"{url}/v1/chat/completions", json=body | {"stream": True}) as answer:
                model = answer.headers.get("x-genai-model", "")
                self.id = answer.headers.get("x-request-id", "")
                if answer.status_code != 200:
                    return model, 0, f"{answer.status_code} {answer.read().decode()[:300]}", False
                for line in answer.iter_lines():
                    text, error = _heard(line)
                    tokens += bool(text)
                    if error:
                        return model, tokens, error, False
                    if line == "data: [DONE]":
                        return model, tokens, "", False
            return model, tokens, "the stream ended early", True
        except httpx.HTTPError as error:
            return model, tokens, repr(error), True


def _heard(line: str) -> tuple[str, str]:
    """Text and error of a line of a stream."""
    if not line.startswith("data: {"):
        return "", ""
    told = json.loads(line.removeprefix("data: "))
    if "error" in told:
        return "", json.dumps(told["error"])[:300]
    choices = told.get("choices") or [{}]
    return choices[0].get("delta", {}).get("content") or "", ""
