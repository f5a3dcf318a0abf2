"""`genai portfolio`: all use cases ranked by value, feasibility, risk and cost, with the arithmetic."""

import argparse
import sys
from collections.abc import Callable, Collection, Mapping, Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from include.artifacts.report import Link, Report
from include.cli.run import LOG_WIDTH, OK
from include.core.settings import FACTORS, settings
from include.strategy.portfolio import POINTS, Portfolio, Ranked, portfolio

WORDS = "rank all use cases by value, feasibility, risk and cost, with the arithmetic"
HOW = (
    "A score of 1 to 5 counts as (score - 1) / 4, of risk as 1 less that; cost counts as 1 less its share of the "
    "budget, and as 0 from the budget on. Each, from 0 to 1, times its weight gives points; the weights of all four "
    "add up to 100 (GENAI_PORTFOLIO_WEIGHTS). Equal scores are ordered by name."
)
NOT_ASSESSED = "not assessed: write strategy.assessment in the use case"


def add_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register `genai portfolio`."""
    sub = commands.add_parser("portfolio", help=WORDS, description=f"{WORDS}. {HOW}")
    sub.add_argument("--json", action="store_true", help="as JSON, with the reasons")
    sub.set_defaults(command=run)


def run(parsed: argparse.Namespace) -> int:
    """Print the portfolio."""
    from include.use_cases import use_case_names

    told = read_portfolio(use_case_names())
    if parsed.json:
        print(told.model_dump_json(indent=1))
    else:
        print_portfolio(told, Console() if sys.stdout.isatty() else Console(width=LOG_WIDTH))
    return OK


def read_portfolio(names: Collection[str]) -> Portfolio:
    """The portfolio of these use cases, with the deployment's weights."""
    from include.use_cases import load_each

    loaded, errors = load_each(sorted(names))
    declared = [(use_case.name, use_case.title, use_case.strategy) for use_case in loaded]
    return portfolio(declared, {name: str(error) for name, error in errors.items()}, settings().weights)


def print_portfolio(told: Portfolio, console: Console) -> None:
    """The ranking, then what has no place in it."""
    table = Table("", "use case", *FACTORS, "score", "owner")
    for one in told.ranked:
        table.add_row(str(one.place), escape(one.name), *_sums(one), f"{one.score:.1f}", escape(one.owner))
    for rest in told.not_assessed:
        table.add_row("-", escape(rest.name), *[""] * len(FACTORS), "not assessed", escape(rest.owner), style="dim")
    console.print(table)
    lines = [f"{one.name} breaks its limits: {'; '.join(one.breaches)}" for one in told.ranked if one.breaches]
    lines += [f"{one.name}: {NOT_ASSESSED}" for one in told.not_assessed]
    lines += [f"{one.name} is not ranked: {one.problem}" for one in told.failed]
    for line in [*lines, HOW]:
        console.print(line, highlight=False, markup=False, soft_wrap=True)


def _sums(one: Ranked) -> list[str]:
    """A cell a factor: 0.75 x 40 = 30.0."""
    return [f"{part.part:.2f} x {part.weight:.3g} = {part.points:.1f}" for part in one.contributions]


def portfolio_page(told: Portfolio, links: Mapping[str, str]) -> Report:
    """The portfolio as a page; `links` are name -> path of the use case's DAG."""
    page = Report("Portfolio")

    def link(name: str, text: str) -> object:
        return Link(text or name, links[name]) if name in links else text or name

    if told.ranked:
        _ranking(page, told.ranked, link)
    if told.not_assessed:
        rows = [[link(one.name, one.title), one.owner] for one in told.not_assessed]
        page.table(["Use case", "Owner"], rows, heading="Not assessed")
        page.text("They have no place until their strategy.assessment says value, feasibility and risk, with reasons.")
    if told.failed:
        rows = [[link(one.name, one.title), one.problem] for one in told.failed]
        page.table(["Use case", "Error"], rows, heading="Cannot be ranked")
    if not (told.ranked or told.not_assessed or told.failed):
        page.text("There is no use case, or none that you may see.")
    for one in told.ranked:
        _arithmetic(page, one)
    return page.text(HOW, heading="How it is computed")


def _ranking(page: Report, ranked: Sequence[Ranked], link: Callable[[str, str], object]) -> None:
    page.table(
        ["", "Use case", "Score", *(name.capitalize() for name in FACTORS), "Owner", "Limits"],
        [
            [
                one.place,
                link(one.name, one.title),
                f"{one.score:.1f}",
                *(_unbroken(part.declared) for part in one.contributions[:-1]),
                one.contributions[-1].declared,
                one.owner,
                "broken" if one.breaches else "kept",
            ]
            for one in ranked
        ],
        heading="Ranking",
    )
    for one in ranked:
        if one.breaches:
            page.text(f"{one.title}: {'; '.join(one.breaches)}.")
    bars = {f"{one.place}. {one.title}": [part.points for part in one.contributions] for one in ranked}
    page.stacks(FACTORS, bars, POINTS, heading=f"What the scores are made of, of {POINTS} points")


def _arithmetic(page: Report, one: Ranked) -> None:
    rows = [
        [
            part.factor,
            _unbroken(part.declared),
            part.reason,
            f"{part.part:.3f}",
            _unbroken(f"x {part.weight:.4g}"),
            _unbroken(f"= {part.points:.2f}"),
        ]
        for part in one.contributions
    ]
    page.table(
        ["Factor", "Declared", "Reason", "Part", "Weight", "Points"],
        [*rows, ["score", "", "", "", "", f"{one.score:.2f}"]],
        heading=f"{one.place}. {one.title}",
    )


def _unbroken(text: str) -> str:
    return text.replace(" ", "\N{NO-BREAK SPACE}")
