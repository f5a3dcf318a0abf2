"""An OpenAI-compatible chat endpoint, asked with bounds on time, size and attempts."""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Protocol

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError

from include.core.errors import ConfigurationError, ServerUnavailableError

if TYPE_CHECKING:
    import httpx

CONNECT_SECONDS = 10
MOST_BYTES = 4 << 20
SHOWN = 200


class Answer(BaseModel):
    """What the endpoint said, as far as it counts."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    text: str
    finish: str
    refused: bool
    tokens: int = Field(ge=0, description="Of prompt and answer, as the endpoint counts; estimated where it does not.")


class Address(BaseModel):
    """Where the endpoint is, which model answers, and the key, which is shown nowhere."""

    model_config = ConfigDict(frozen=True)
    url: str
    model: str
    key: SecretStr = SecretStr("")


@dataclass(frozen=True)
class Names:
    """What messages call an endpoint: `prefix` of its settings, who asks it, and what to do where it is not set."""

    prefix: str
    asker: str
    unset: str
    unset_remedy: str

    @property
    def endpoint(self) -> str:
        return f"{self.prefix}_ENDPOINT"

    @property
    def model(self) -> str:
        return f"{self.prefix}_MODEL"

    @property
    def key(self) -> str:
        return f"{self.prefix}_API_KEY"


class Patience(Protocol):
    """How long is waited and how often is tried."""

    @property
    def timeout_seconds(self) -> float: ...
    @property
    def attempts(self) -> int: ...
    @property
    def max_wait_seconds(self) -> float: ...
    @property
    def concurrency(self) -> int: ...


class _Message(BaseModel):
    content: str | None = None
    refusal: str | None = None


class _Choice(BaseModel):
    message: _Message
    finish_reason: str | None = None


class _Usage(BaseModel):
    total_tokens: int | None = Field(None, ge=0)


class _Completion(BaseModel):
    choices: list[_Choice] = Field(min_length=1)
    usage: _Usage | None = None


def address_of(names: Names, url: str, model: str, key: SecretStr) -> Address:
    """The address that settings name; ConfigurationError where there is none, or no HTTP header can hold the key."""
    for name, value in ((names.endpoint, url), (names.model, model)):
        if not value:
            raise ConfigurationError(name, "", names.unset, names.unset_remedy)
    stripped = key.get_secret_value().strip()
    if not all("!" <= character <= "~" for character in stripped):
        problem = "it has other characters than visible ASCII ones"
        raise ConfigurationError(names.key, "***", problem, "Set the right key")
    return Address(url=url.rstrip("/"), model=model, key=SecretStr(stripped))


class ChatEndpoint:
    """Asks one request at a time; threads may share it. Close it when done."""

    def __init__(self, address: Address, patience: Patience, names: Names) -> None:
        import httpx

        self.address, self.patience, self.names = address, patience, names
        key = address.key.get_secret_value()
        seconds = patience.timeout_seconds
        self._client = httpx.Client(
            headers={"Authorization": f"Bearer {key}"} if key else {},
            timeout=httpx.Timeout(seconds, connect=min(CONNECT_SECONDS, seconds)),
            limits=httpx.Limits(max_connections=patience.concurrency),
        )

    def close(self) -> None:
        """Let go of its connections."""
        self._client.close()

    def ask(self, body: Mapping[str, Any]) -> Answer:
        """The answer to a chat completion request.

        408, 429 and 5xx are tried again after Retry-After or a doubling wait. ServerUnavailableError where that does
        not help, and for all that is no answer of a model; ConfigurationError where the request is refused or
        redirected.
        """
        for attempt in range(1, self.patience.attempts + 1):
            status, headers, content = self._send(body)
            if status < 300:
                return self._read(status, content, body)
            if status not in (408, 429) and status < 500:
                raise self._refused(status, content)
            if attempt < self.patience.attempts:
                time.sleep(self._wait(status, headers, attempt))
        raise self._unavailable(
            status, f"it still answers so after {self.patience.attempts} attempts: {self._quoted(content)}"
        )

    def _send(self, body: Mapping[str, Any]) -> tuple[int, "httpx.Headers", bytes]:
        """Status, headers and body, within the time-out as a whole and not only between two bytes."""
        import httpx

        seconds = self.patience.timeout_seconds
        deadline, content = time.monotonic() + seconds, bytearray()
        try:
            with self._client.stream("POST", f"{self.address.url}/chat/completions", json=dict(body)) as response:
                for chunk in response.iter_bytes():
                    content += chunk
                    if len(content) > MOST_BYTES:
                        raise self._unavailable(response.status_code, f"its answer is larger than {MOST_BYTES} bytes")
                    if time.monotonic() > deadline:
                        raise self._unavailable("time-out", f"no whole answer in {seconds:g} s")
                return response.status_code, response.headers, bytes(content)
        # what these errors say, or the ones behind them, may quote the headers, and so the key
        except httpx.TimeoutException as error:
            raise self._unavailable(type(error).__name__, f"no answer in {seconds:g} s") from None
        except httpx.RequestError as error:
            raise self._unavailable(type(error).__name__, "the connection failed") from None

    def _wait(self, status: int, headers: "httpx.Headers", attempt: int) -> float:
        asked, most = _seconds(headers.get("Retry-After", "")), self.patience.max_wait_seconds
        if asked is not None and asked > most:
            raise self._unavailable(status, f"it asks to wait {asked:.0f} s, and max_wait_seconds is {most:g}")
        return min(2.0 ** (attempt - 1), most) if asked is None else asked

    def _read(self, status: int, content: bytes, body: Mapping[str, Any]) -> Answer:
        try:
            found = _Completion.model_validate_json(content)
        except ValidationError as error:
            problem = f"its answer is no chat completion: {error.errors()[0]['msg']}"
            raise self._unavailable(status, problem) from None
        message, finish = found.choices[0].message, found.choices[0].finish_reason or ""
        text = message.content or ""
        # some servers do not count, and say 0
        counted = found.usage.total_tokens if found.usage else None
        estimate = (len(json.dumps(body["messages"])) + len(text)) // 4
        return Answer(
            text=text,
            finish=finish,
            refused=bool(message.refusal) or finish == "content_filter",
            tokens=counted or estimate,
        )

    def _refused(self, status: int, content: bytes) -> ConfigurationError:
        names = self.names
        if status in (401, 403):
            problem = f"the endpoint refuses the key (HTTP {status})"
            return ConfigurationError(names.key, "***", problem, "Set the right key")
        if status < 400:
            problem = f"it leads requests elsewhere (HTTP {status}), and the key follows nowhere"
            return ConfigurationError(names.endpoint, self.address.url, problem, "Set the address that it leads to")
        return ConfigurationError(
            names.endpoint,
            self.address.url,
            f"it refuses a request to {self.address.model} (HTTP {status}): {self._quoted(content)}",
            f"Correct it, {names.model}, or {names.asker} (parameters: what it does not know, or by another name)",
        )

    def _quoted(self, content: bytes) -> str:
        """The beginning of what it says, without the key."""
        text = content.decode("utf-8", "replace")
        if key := self.address.key.get_secret_value():
            text = text.replace(key, "***")
        return text[:SHOWN]

    def _unavailable(self, value: object, problem: str) -> ServerUnavailableError:
        return ServerUnavailableError(
            f"{self.names.endpoint} ({self.address.url})", value, problem, "Try again: what it has answered is kept"
        )


def _seconds(text: str) -> float | None:
    """Seconds to wait of a Retry-After header (a number, or a date); None where it says nothing."""
    if text.isascii() and text.strip().isdigit():
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())
