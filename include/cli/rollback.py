"""`genai rollback`: an earlier champion serves again."""

import argparse

from include.cli.store import open_store

OK = 0
WORDS = "bring an earlier champion back; calls off a rollout that is under way"


def add_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register `genai rollback`."""
    sub = commands.add_parser(
        "rollback",
        help=WORDS,
        description="Bring the champion before, or an earlier one, back: it is loaded, asked, and serves. A rollout "
        "that is under way is called off instead, unless --to names a model. What is taken out of service is not "
        "deployed again by a run, until its bytes change.",
    )
    sub.add_argument("use_case", metavar="USE_CASE", help="a use case of include/use_cases, e.g. python_assistant")
    sub.add_argument("--to", default="", metavar="MODEL", help="model to go back to, as `genai lineage` names it")
    sub.set_defaults(command=run)


def run(parsed: argparse.Namespace) -> int:
    """Go back, and say what serves now."""
    from include.inferencing.rollback import rollback
    from include.use_cases import load_use_case

    config = load_use_case(parsed.use_case).inferencing.deploy
    print(f"champion of {parsed.use_case}: {rollback(open_store(), parsed.use_case, config, parsed.to)}")
    return OK
