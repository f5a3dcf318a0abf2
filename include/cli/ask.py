"""`genai ask`: a question to a use case's model, through the gateway; the answer streams."""

import argparse
import json
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from include.core.errors import ConfigurationError, GenaiError, ModelError, ServerUnavailableError

if TYPE_CHECKING:
    import httpx

OK = 0
WORDS = "ask the deployed model; the answer streams"
SECONDS = 60.0


def add_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register `genai ask`."""
    sub = commands.add_parser("ask", help=WORDS, description=WORDS)
    sub.add_argument("question", metavar="QUESTION")
    sub.add_argument("--use-case", default="python_assistant", metavar="USE_CASE", help="whose model (%(default)s)")
    told = "let the exchange be kept for sampling and feedback, where the tenant consents: opt_in or opt_out"
    sub.add_argument("--store", action="store_true", help=told)
    sub.set_defaults(command=run)


def run(parsed: argparse.Namespace) -> int:
    """Print the model's answer as it comes, and on standard error which model it was and the exchange's id."""
    from include.cli.lineage.command import hint

    answer = Answer(parsed.question, parsed.use_case, store=parsed.store)
    for piece in answer:
        print(piece, end="", flush=True)
    print(flush=True)
    told = f"answered by {answer.model_name}; what it was made of: {hint(answer.model_name)}"
    print(f"{told}\nexchange {answer.id}", file=sys.stderr)
    return OK


def gateway_key() -> str:
    """The key to the gateway: the setting's, else the local stack's own."""
    from include.core.settings import settings
    from include.local.layout import layout

    given = settings().gateway_key.get_secret_value()
    if not given and settings().gateway_url:
        raise ConfigurationError("GENAI_GATEWAY_KEY", "", "this gateway asks for a key", "Ask its operator for one")
    return given or layout(settings()).credentials().gateway_key


class Answer:
    """The answer's pieces as they are written; `model_name` and `id` are known once the first has come.

    ConfigurationError where the question is empty or refused, ModelError where the use case has no champion or the
    model fails, ServerUnavailableError where gateway or Triton do not answer.
    """

    def __init__(
        self,
        question: str,
        use_case: str,
        address: str = "",
        key: str = "",
        max_tokens: int = 0,
        *,
        store: bool = False,
    ) -> None:
        if not question.strip():
            raise ConfigurationError("question", question, "the question is empty", "Ask something")
        self.question, self.use_case, self.max_tokens = question, use_case, max_tokens
        self.address, self.key, self.store = address, key, store
        self.model_name = self.id = ""

    def __iter__(self) -> Iterator[str]:
        import httpx

        from include.core.settings import settings

        address, key = self.address or settings().gateway_address, self.key or gateway_key()
        body: dict[str, Any] = {"model": self.use_case, "stream": True}
        body["messages"] = [{"role": "user", "content": self.question}]
        if self.store:
            body["store"] = True
        if self.max_tokens:
            body["max_tokens"] = self.max_tokens
        headers = {"authorization": f"Bearer {key}", "x-request-timeout": str(SECONDS)}
        try:
            with httpx.stream(
                "POST", f"{address}/v1/chat/completions", json=body, headers=headers, timeout=SECONDS + 5
            ) as response:
                yield from self._pieces(response)
        except httpx.HTTPError as error:
            problem = f"the gateway does not answer ({type(error).__name__})"
            raise ServerUnavailableError("GENAI_GATEWAY_URL", address, problem, "Start it: genai up") from None

    def _pieces(self, response: "httpx.Response") -> Iterator[str]:
        if response.status_code != 200:
            response.read()
            raise self._error(response.status_code, _told(response.text))
        self.model_name, self.id = response.headers["x-genai-model"], response.headers["x-request-id"]
        for line in response.iter_lines():
            if not line.startswith("data: {"):
                continue
            event = json.loads(line[6:])
            if "error" in event:
                raise self._error(502, event["error"])
            for choice in event["choices"]:
                yield choice["delta"].get("content") or ""

    def _error(self, status: int, error: dict[str, Any]) -> GenaiError:
        told = str(error.get("message", "")).rstrip(".") or f"the gateway answers {status}"
        if status == 404:
            return ModelError("use_case", self.use_case, f"it has no champion yet: {told}", "Run its workflow first")
        if status == 401:
            return ConfigurationError("GENAI_GATEWAY_KEY", "***", told, "See genai keys list")
        if status == 503 or status == 504 or status == 429:
            return ServerUnavailableError("champion", self.use_case, told, "Wait some seconds and ask again")
        if status < 500:
            return ConfigurationError(str(error.get("param") or "question"), self.question[:60], told, "Ask otherwise")
        return ModelError("champion", self.use_case, told, "Look at the gateway's log and Triton's")


def _told(text: str) -> dict[str, Any]:
    try:
        return dict(json.loads(text)["error"])
    except (ValueError, LookupError, TypeError):
        return {}
