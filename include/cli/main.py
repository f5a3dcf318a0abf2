"""`genai`: the command line of the project. Exit codes: 0 ok, 1 workflow failed, 2 bad input, 3 not running."""

import argparse
import sys
from collections.abc import Callable, Sequence

from include.cli import airflow, approvals, ask, feedback, history, keys, manifests, portfolio, review, rollback, sweep
from include.cli.lineage import command as lineage
from include.core.errors import GenaiError

OK, FAILED, BAD_INPUT, NOT_RUNNING = 0, 1, 2, 3

RUN = "run a use case's workflow and follow it"
PLAN = "show which steps a run would run, why, and what that takes; nothing runs"
EPILOG = """examples:
  genai run python_assistant                            the whole workflow; what is unchanged is reused
  genai run python_assistant --set customization.lora.rank=16
  genai plan python_assistant --set customization.lora.rank=16     which steps that would run, and why
  genai portfolio                                       all use cases ranked, with the arithmetic
  genai ask "What does textwrap.dedent do?"
  genai feedback chatcmpl-... --down --correction "..." what an answer should have been
  genai keys create TENANT                              an API key for the gateway, shown this once
  genai lineage python_assistant                        what the model that answers was made of
  genai lineage ticket:T00012                           every dataset, model and deployment that a record went into
  genai history python_assistant                        what each run ran and reused
  genai airflow backfill create --dag-id python_assistant --from-date 2026-10-01 --to-date 2026-10-30
  genai review export python_assistant tasks.json       documents that wait for people's labels, for Label Studio
  genai rollback python_assistant                       the champion before serves again, in seconds
  genai sweep --keep-runs 10                            lists what would go; --delete deletes it
  genai status

exit codes: 0 ok, 1 the workflow failed, 2 bad input or a missing prerequisite, 3 not running"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the command line and run the command; the exit code."""
    parsed = parser().parse_args(arguments)
    command: Callable[[argparse.Namespace], int] = parsed.command
    try:
        return command(parsed)
    except GenaiError as error:
        print(f"genai: {error}", file=sys.stderr)
        return BAD_INPUT
    except BrokenPipeError:
        sys.stderr.close()
        return FAILED


def parser() -> argparse.ArgumentParser:
    """The command line's grammar."""
    top = argparse.ArgumentParser(
        prog="genai",
        description="The generative-AI workflow on this machine: its servers, its runs, its model.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = top.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name, command, words in (
        ("up", up, "start the local stack, or what of it does not run"),
        ("stop", stop, "end all that the local stack started"),
        ("status", status, "show the local stack's programs"),
    ):
        commands.add_parser(name, help=words, description=words).set_defaults(command=command)
    _of_a_run(commands.add_parser("run", help=RUN, description=RUN)).set_defaults(command=run)
    sub = _of_a_run(commands.add_parser("plan", help=PLAN, description=PLAN))
    sub.add_argument("--as-of", default="", metavar="MOMENT", help="data up to this moment, ISO 8601 (default: now)")
    sub.add_argument("--json", action="store_true", help="print the plan as JSON, each task instance with its reason")
    sub.set_defaults(command=plan)
    modules = (ask, feedback, keys, portfolio, approvals, lineage, history, review, rollback, sweep, manifests, airflow)
    for module in modules:
        module.add_command(commands)
    return top


def _of_a_run(sub: argparse.ArgumentParser) -> argparse.ArgumentParser:
    """The options that a run and its plan share."""
    sub.add_argument("use_case", metavar="USE_CASE", help="a use case of include/use_cases, e.g. python_assistant")
    sub.add_argument(
        "--set",
        dest="overrides",
        metavar="KEY=VALUE",
        action="append",
        default=[],
        help="change a knob for this run, e.g. customization.lora.rank=16; may be repeated",
    )
    sub.add_argument("--force", action="store_true", help="run every step anew, even where nothing changed")
    return sub


def up(_: argparse.Namespace) -> int:
    """Start the stack."""
    from include.core.settings import settings
    from include.local.stack import Stack

    Stack(settings(), _say).up()
    return OK


def stop(_: argparse.Namespace) -> int:
    """Stop the stack."""
    from include.core.settings import settings
    from include.local.stack import Stack

    Stack(settings(), _say).stop()
    print("stack: stopped")
    return OK


def status(_: argparse.Namespace) -> int:
    """Print the stack's programs; 3 where one does not run."""
    from include.cli.status import print_status
    from include.core.settings import settings
    from include.local.stack import Stack

    return OK if print_status(Stack(settings(), _say).status()) else NOT_RUNNING


def run(parsed: argparse.Namespace) -> int:
    """Run a workflow and follow it to its end."""
    from include.cli.run import run_use_case

    return run_use_case(parsed.use_case, parsed.overrides, force=parsed.force)


def plan(parsed: argparse.Namespace) -> int:
    """Print what a run would do."""
    from include.cli.plan import plan_use_case

    return plan_use_case(parsed.use_case, parsed.overrides, force=parsed.force, as_of=parsed.as_of, as_json=parsed.json)


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
