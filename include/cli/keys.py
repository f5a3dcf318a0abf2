"""`genai keys`: who may ask the gateway: tenants and their API keys."""

import argparse
import json
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from include.cli.store import open_store

OK = 0
WORDS = "tenants of the gateway and their API keys"
RATES = "rates are counted by each gateway for itself: two let twice as much through"
NUMBERS = {
    "requests_per_minute": "requests that are let in within a minute",
    "tokens_per_minute": "tokens of prompts and answers within a minute",
    "concurrent": "answers under way at once; as many more may wait",
    "max_prompt_chars": "longest prompt, in characters",
    "max_body_bytes": "largest request",
}


def add_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register `genai keys`."""
    top = commands.add_parser("keys", help=WORDS, description=WORDS)
    actions = top.add_subparsers(title="actions", metavar="ACTION", required=True)
    words = "make a key for a tenant and print it: it is shown this once, and stored nowhere"
    sub = actions.add_parser("create", help=words, description=words)
    sub.add_argument("tenant", metavar="TENANT")
    sub.add_argument("--days", type=_days, metavar="N", help="the key expires after so many days (default: never)")
    sub.add_argument("--note", default="", help="what the key is for")
    sub.set_defaults(command=create)
    words = "list tenants and keys, without secrets"
    sub = actions.add_parser("list", help=words, description=words)
    sub.add_argument("--json", action="store_true", help="as JSON")
    sub.set_defaults(command=show)
    words = "revoke a key; every gateway refuses it within two seconds"
    sub = actions.add_parser("revoke", help=words, description=words)
    sub.add_argument("key", metavar="KEY", help="the key's id, as `genai keys list` shows it, or the key itself")
    sub.set_defaults(command=revoke)
    _add_tenant(actions)


def _add_tenant(actions: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    words = "make a tenant, change what is given here of one, or delete one"
    sub = actions.add_parser("tenant", help=words, description=f"{words}; {RATES}")
    sub.add_argument("tenant", metavar="TENANT")
    told = "what it may ask: USE_CASE, USE_CASE:ADAPTER, or * for every use case; replaces what it had"
    sub.add_argument("--models", nargs="*", metavar="MODEL", help=told)
    for name, told in NUMBERS.items():
        sub.add_argument(f"--{name.replace('_', '-')}", type=int, metavar="N", help=told)
    told = "may exchanges be sampled: never, where a request asks to store, or unless it asks not to"
    sub.add_argument("--consent", choices=("none", "opt_in", "opt_out"), help=told)
    sub.add_argument("--delete", action="store_true", help="delete the tenant with all its keys")
    sub.set_defaults(command=tenant)


def create(parsed: argparse.Namespace) -> int:
    """Make a key and print it, alone on standard output."""
    from include.inferencing.access.keys import create_key

    print(create_key(open_store().bucket, parsed.tenant, parsed.days, parsed.note))
    return OK


def revoke(parsed: argparse.Namespace) -> int:
    """Revoke a key."""
    from include.inferencing.access.keys import revoke_key

    key = revoke_key(open_store().bucket, parsed.key)
    print(f"revoked at {key.revoked_at}, a key of {key.tenant}")
    return OK


def tenant(parsed: argparse.Namespace) -> int:
    """Make, change or delete a tenant."""
    from include.inferencing.access.keys import delete_tenant, put_tenant

    bucket = open_store().bucket
    if parsed.delete:
        print(f"deleted {parsed.tenant} with {delete_tenant(bucket, parsed.tenant)} keys")
        return OK
    given = {name: getattr(parsed, name) for name in ("models", "consent", *NUMBERS)}
    made = put_tenant(bucket, parsed.tenant, {name: value for name, value in given.items() if value is not None})
    print(json.dumps(made.model_dump(mode="json"), indent=1))
    return OK


def show(parsed: argparse.Namespace) -> int:
    """Print tenants and keys."""
    from include.inferencing.access.tenants import read_access

    access, _ = read_access(open_store().bucket)
    shown: dict[str, Any] = access.model_dump(mode="json", exclude={"keys": {"__all__": {"sha256"}}})
    if parsed.json:
        print(json.dumps(shown, indent=1, ensure_ascii=False))
        return OK
    tenants = Table("tenant", "models", "a minute", "at once", "consent", box=None, pad_edge=False)
    for name, one in sorted(access.tenants.items()):
        rates = f"{one.requests_per_minute:,} requests, {one.tokens_per_minute:,} tokens"
        tenants.add_row(name, escape(", ".join(one.models)), rates, str(one.concurrent), one.consent)
    keys = Table("key", "tenant", "made (UTC)", "expires", "revoked", "note", box=None, pad_edge=False)
    for identifier, key in sorted(access.keys.items(), key=lambda item: item[1].created_at):
        moments = [(moment or "")[:19].replace("T", " ") for moment in (key.created_at, key.expires_at, key.revoked_at)]
        keys.add_row(identifier, key.tenant, *moments, escape(key.note))
    console = Console()
    console.print(tenants)
    console.print()
    console.print(keys)
    return OK


def _days(text: str) -> float:
    days = float(text)
    if not 0 < days <= 36_500:
        raise argparse.ArgumentTypeError(f"{text} is not from 0 to 36500")
    return days
