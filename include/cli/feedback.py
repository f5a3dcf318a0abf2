"""`genai feedback`: say what an answer was like, through the gateway."""

import argparse
import json
from typing import Any

from include.cli.ask import gateway_key
from include.core.errors import ConfigurationError, ServerUnavailableError

OK = 0
WORDS = "say whether an answer was good, and what it should have been; the next dataset has it"
SECONDS = 60.0


def add_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register `genai feedback`."""
    sub = commands.add_parser("feedback", help=WORDS, description=f"{WORDS}; said again, the last time counts")
    sub.add_argument("id", metavar="ID", help="the exchange, as `genai ask` names it: chatcmpl-...")
    thumbs = sub.add_mutually_exclusive_group()
    thumbs.add_argument("--up", dest="thumb", action="store_const", const="up", help="the answer was good")
    thumbs.add_argument("--down", dest="thumb", action="store_const", const="down", help="the answer was bad")
    thumbs.add_argument("--retract", action="store_true", help="take back all that was said of the answer")
    sub.add_argument("--correction", default="", metavar="TEXT", help="what the answer should have been")
    told = "where the gateway does not have the exchange: not asked with --store, or long ago"
    sub.add_argument("--question", default="", metavar="TEXT", help=f"what was asked, {told}")
    sub.add_argument("--answer", default="", metavar="TEXT", help=f"what was answered, {told}")
    sub.set_defaults(command=run)


def run(parsed: argparse.Namespace) -> int:
    """Send it, and print what was taken."""
    from include.core.settings import settings

    said: dict[str, Any] = {"thumb": parsed.thumb, "correction": parsed.correction, "answer": parsed.answer}
    said |= {"retract": parsed.retract} if parsed.retract else {}
    if parsed.question:
        said["messages"] = [{"role": "user", "content": parsed.question}]
    taken = give(settings().gateway_address, gateway_key(), parsed.id, {name: one for name, one in said.items() if one})
    print(f"{'taken back' if taken['retracted'] else 'stored'}: {taken['id']} at {taken['recorded_at'][:19]}")
    return OK


def give(address: str, key: str, identifier: str, said: dict[str, Any]) -> dict[str, Any]:
    """Say something of an answer; ConfigurationError where the gateway refuses it, ServerUnavailableError while it
    cannot take it.
    """
    import httpx

    headers = {"authorization": f"Bearer {key}"}
    try:
        answer = httpx.post(f"{address}/v1/feedback", json={"id": identifier} | said, headers=headers, timeout=SECONDS)
    except httpx.HTTPError as error:
        problem = f"the gateway does not answer ({type(error).__name__})"
        raise ServerUnavailableError("GENAI_GATEWAY_URL", address, problem, "Start it: genai up") from None
    if answer.status_code == 200:
        return dict(answer.json())
    told = _told(answer.text) or f"the gateway answers {answer.status_code}"
    if answer.status_code >= 500 or answer.status_code == 429:
        raise ServerUnavailableError("feedback", identifier, told, "Send it again in some seconds")
    raise ConfigurationError("feedback", identifier, told, "See genai feedback --help")


def _told(text: str) -> str:
    try:
        return str(json.loads(text)["error"]["message"]).rstrip(".")
    except (ValueError, LookupError, TypeError):
        return ""
