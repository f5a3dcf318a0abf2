"""`genai airflow`: Airflow's own command line on the local stack's database."""

import argparse
import os
from collections.abc import Sequence
from pathlib import Path

from include.core.errors import PrerequisiteError
from include.core.settings import settings
from include.local.airflow import command, environment
from include.local.layout import layout
from include.local.programs import base_environment, settings_environment, store_address

OK = 0
WORDS = "Airflow's own command line on the local stack, e.g. genai airflow backfill create --help"


def add_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register `genai airflow`."""
    sub = commands.add_parser("airflow", help=WORDS, description=WORDS, add_help=False, prefix_chars="\0")
    sub.add_argument("arguments", nargs="*", metavar="ARGUMENT", help="what Airflow is to do")
    sub.set_defaults(command=run)


def run(parsed: argparse.Namespace) -> int:
    """Become Airflow's command line: its output and its exit code."""
    at = layout(settings())
    if not (at.airflow_home / "airflow.db").exists():
        if {"-h", "--help"} & set(parsed.arguments):
            print(f"{WORDS}\nIts commands are listed once the local stack was started: genai up")
            return OK
        raise PrerequisiteError("airflow", str(at.airflow_home), "the local stack was never started", "Run `genai up`")
    program = command("api-server")[0]
    credentials = at.credentials()
    variables = base_environment(settings()) | settings_environment(settings())
    variables |= environment(settings(), credentials, store_address(settings(), credentials))
    os.execve(Path(program), [program, *in_turn(parsed.arguments)], variables)  # noqa: S606


def in_turn(arguments: Sequence[str]) -> list[str]:
    """Airflow's arguments, of a backfill with one run at a time where they do not say how many.

    What an interval's dataset holds out, later ones may not train on; runs side by side do not know of each other.
    """
    creates = list(arguments[:2]) == ["backfill", "create"]
    if not creates or any(one.split("=")[0] == "--max-active-runs" for one in arguments):
        return list(arguments)
    return [*arguments, "--max-active-runs", "1"]
