"""What a store's client sends, seen where it leaves for the network."""

import threading
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

import pytest

from include.artifacts.store import ArtifactStore


class Request(NamedTuple):
    """One request; `size` is of its body, in bytes."""

    method: str
    path: str
    query: dict[str, list[str]]
    size: int

    @property
    def lists(self) -> bool:
        """Whether it asks for a listing of objects."""
        return self.method == "GET" and "list-type" in self.query


def watch(store: ArtifactStore, monkeypatch: pytest.MonkeyPatch) -> list[Request]:
    """A list that fills with the requests of `store` from now on."""
    sent: list[Request] = []
    pool, lock = store.bucket.client._http, threading.Lock()
    original = pool.urlopen

    def urlopen(method: str, url: str, **options: Any) -> Any:
        target = urlsplit(url)
        query = parse_qs(target.query, keep_blank_values=True)
        with lock:
            sent.append(Request(method, target.path, query, len(options.get("body") or b"")))
        return original(method, url, **options)

    monkeypatch.setattr(pool, "urlopen", urlopen)
    return sent


def bodies(sent: list[Request]) -> int:
    """Bytes of all objects and parts that were sent."""
    return sum(request.size for request in sent if request.method == "PUT")
