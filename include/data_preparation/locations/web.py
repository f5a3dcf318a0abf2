"""One file behind an http(s) address."""

import hashlib
import ipaddress
import socket
import tempfile
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from include.core.connections import connection
from include.core.errors import ServerUnavailableError, SourceError
from include.core.settings import settings
from include.data_preparation.config import CollectionConfig, LimitsConfig
from include.data_preparation.config.collections import Format
from include.data_preparation.locations.entry import Entry
from include.data_preparation.readers import Found, Reading, read_file
from include.data_preparation.readers.found import MIB

if TYPE_CHECKING:
    import httpx

CONNECT_SECONDS, READ_SECONDS, REDIRECTS = 10, 60, 5
FORMATS: dict[str, Format] = {
    "text/html": "html", "application/xhtml+xml": "html", "application/pdf": "pdf", "text/csv": "csv",
    "text/markdown": "markdown", "text/plain": "text", "application/x-ndjson": "jsonl",
}  # fmt: skip


class WebFile(Entry):
    """It is read without proxies and cookies, over at most 5 redirects, none of them from https to http.

    A host at a private address is read only where GENAI_PRIVATE_SOURCE_HOSTS names it: whoever writes a use case may
    not see all that this machine sees.
    """

    def __init__(self, source: CollectionConfig, limits: LimitsConfig, field: str) -> None:
        parts = urlsplit(source.location)
        super().__init__(PurePosixPath(unquote(parts.path)).name or str(parts.hostname))
        self._source, self._most, self._field = source, limits.max_file_mb * MIB, field
        # what may be shown: a query may hold a token
        self._shown = f"{parts.scheme}://{parts.netloc}{parts.path}"
        self._format: Format | None = None

    def state(self) -> str:
        """The server's strong ETag, else the digest of the bytes: dates and weak tags tell too little."""
        with self._answer() as answer:
            tag = answer.headers.get("etag", "")
            if tag.startswith('"'):
                return f"etag {tag}"
            digest = hashlib.sha256()
            for chunk in self._bytes(answer):
                digest.update(chunk)
            return digest.hexdigest()

    @contextmanager
    def local(self, scratch: Path) -> Iterator[Path]:
        """A copy in scratch."""
        with tempfile.NamedTemporaryFile(dir=scratch) as copy:
            with self._answer() as answer:
                self._format = FORMATS.get(answer.headers.get("content-type", "").partition(";")[0].strip().lower())
                for chunk in self._bytes(answer):
                    copy.write(chunk)
            copy.flush()
            yield Path(copy.name)

    def found(self, scratch: Path, reading: Reading) -> Iterator[tuple[str, Found]]:
        """What the reader of its format finds; where its name tells none, the server's type does."""
        with self.local(scratch) as path:
            told = reading.format or (None if PurePosixPath(self.name).suffix else self._format)
            yield from read_file(self.name, path, replace(reading, format=told))

    def _bytes(self, answer: "httpx.Response") -> Iterator[bytes]:
        import httpx

        size = 0
        try:
            # a packed transfer is unpacked by the readers, within their limits
            for chunk in answer.iter_raw():
                size += len(chunk)
                if size > self._most:
                    raise self._error(f"over {self._most} bytes", "Raise aggregate.limits.max_file_mb, or split it")
                yield chunk
        except httpx.TransportError as error:
            raise self._unavailable(type(error).__name__) from error

    @contextmanager
    def _answer(self) -> Iterator["httpx.Response"]:
        import httpx

        address = httpx.URL(self._source.location)
        timeout = httpx.Timeout(READ_SECONDS, connect=CONNECT_SECONDS)
        with httpx.Client(timeout=timeout, follow_redirects=False, trust_env=False) as client:
            for _ in range(REDIRECTS + 1):
                self._require_public(address.host, _addresses(address.host))
                try:
                    with client.stream("GET", address, headers=self._headers(address)) as answer:
                        # the name may have meant another address when it was connected to
                        peer = answer.extensions["network_stream"].get_extra_info("server_addr")
                        self._require_public(address.host, [peer[0]] if peer else [])
                        if not answer.has_redirect_location:
                            self._require_ok(answer.status_code)
                            yield answer
                            return
                        target = address.join(answer.headers["location"])
                except httpx.TransportError as error:
                    raise self._unavailable(type(error).__name__) from error
                except httpx.InvalidURL:
                    raise self._error("it leads to no address", "Correct the address") from None
                if target.scheme not in ("http", "https") or (address.scheme, target.scheme) == ("https", "http"):
                    raise self._error(f"it leads from {address.scheme} to {target.scheme}", "Name the final address")
                address = target
        raise self._error(f"more than {REDIRECTS} redirects", "Name the final address")

    def _headers(self, address: "httpx.URL") -> dict[str, str]:
        headers = {"Accept-Encoding": "identity", "User-Agent": "genai-workflow"}
        if self._source.connection and _may_have_secrets(address, self._source.location):
            found = connection(self._source.connection)
            secret = found.password.get_secret_value()
            basic = b64encode(f"{found.login}:{secret}".encode()).decode()
            headers["Authorization"] = f"Basic {basic}" if found.login else f"Bearer {secret}"
        return headers

    def _require_public(self, host: str, addresses: list[str]) -> None:
        allowed = [name.strip().lower() for name in settings().private_source_hosts.split(",")]
        if host.lower() in allowed:
            return
        for address in addresses:
            found = ipaddress.ip_address(address.partition("%")[0])
            if not (getattr(found, "ipv4_mapped", None) or found).is_global:
                raise self._error(
                    f"{host} is at a private address", "Whoever runs this may add it to GENAI_PRIVATE_SOURCE_HOSTS"
                )

    def _require_ok(self, status: int) -> None:
        if status in (429, 500, 502, 503, 504):
            raise self._unavailable(f"status {status}")
        if status in (401, 403, 407):
            raise self._error(f"it may not be read: status {status}", "Name a connection that may in `connection`")
        if status != 200:
            raise self._error(f"it is not there: status {status}", "Correct the address")

    def _error(self, problem: str, remedy: str) -> SourceError:
        return SourceError(self._field, self._shown, problem, remedy)

    def _unavailable(self, problem: str) -> ServerUnavailableError:
        return ServerUnavailableError(self._field, self._shown, f"its server does not answer: {problem}", "Try again")


def _may_have_secrets(address: "httpx.URL", named: str) -> bool:
    """Whether an address is of the server that was named, or of the same host over https on its usual port."""
    parts = urlsplit(named)
    if address.host != parts.hostname:
        return False
    usual = {"http": 80, "https": 443}
    port, first = address.port or usual[address.scheme], parts.port or usual[parts.scheme]
    return (address.scheme, port) == (parts.scheme, first) or (address.scheme, port) == ("https", 443)


def _addresses(host: str) -> list[str]:
    """What a host's name means now; none where it is unknown, which connecting to it will tell."""
    try:
        return [str(one[4][0]) for one in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)]
    except (OSError, UnicodeError):
        return []
