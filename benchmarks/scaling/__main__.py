"""The scaling decision simulated, against fixed fleets and the threshold rule of a Kubernetes autoscaler.

Same requests, same failures, same truth about the servers. Prints a table and ratios, writes plots, and ends with one
line of JSON.
"""

import argparse
import json
import os
import time
from pathlib import Path
from typing import Any

from benchmarks.scaling.measure import POLICIES, TARGET, Run, runs, scenario_of
from include.artifacts.report import Report
from include.artifacts.scatter import Point
from include.core.settings import settings

SCENARIOS = ("steady", "daily", "bursty", "failing")
SHOWN = POLICIES[:4]


def main() -> None:
    """Simulate, print, draw."""
    parser = argparse.ArgumentParser(
        prog="benchmarks.scaling", description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3], help="chance of each run")
    parser.add_argument("--scenario", choices=SCENARIOS, action="append", help="all of them, unless named")
    parser.add_argument("--out", type=Path, default=settings().state_folder / "benchmarks" / "scaling")
    arguments = parser.parse_args()
    started, names = time.monotonic(), arguments.scenario or list(SCENARIOS)
    found = runs(names, arguments.seeds)
    rows = {(name, policy): together(found, name, policy) for name in names for policy in POLICIES}
    print(f"{'load':8} {'policy':14} {'in time':>8} {'cost':>8} {'/ peak':>7} {'changes':>8} {'most':>5} {'failed':>7}")
    for (name, policy), row in rows.items():
        ratio = row["cost"] / rows[name, "fixed, peak"]["cost"]
        print(
            f"{name:8} {policy:14} {row['in_time']:8.2%} {row['cost']:8.1f} {ratio:7.2f} {row['changes']:8.0f} "
            f"{row['most']:5.0f} {row['failed']:7.0f}"
        )
    arguments.out.mkdir(parents=True, exist_ok=True)
    page(found, rows, names, arguments.seeds[0]).write(arguments.out)
    print(f"plots: {arguments.out / 'report.html'}")
    kept = all(rows[name, "decide"]["in_time"] >= TARGET.share for name in names)
    told = {
        "benchmark": "scaling",
        **{name: summary(rows, name) for name in names},
        "passed": kept and all(cheaper(rows, name) for name in names),
        "seeds": arguments.seeds,
        "seconds": round(time.monotonic() - started, 1),
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 2),
    }
    print(json.dumps(told))


Row = dict[str, float]


def together(found: list[Run], name: str, policy: str) -> Row:
    """The mean over seeds; the share in time over all answers."""
    mine = [run for run in found if (run.scenario, run.policy) == (name, policy)]
    answers = sum(run.answers for run in mine)
    values = {key: sum(getattr(run, key) for run in mine) / len(mine) for key in ("cost", "changes", "most", "failed")}
    return {"in_time": sum(run.in_time * run.answers for run in mine) / answers, **values}


def cheaper(rows: dict[tuple[str, str], Row], name: str) -> bool:
    """No other policy that keeps the target in this scenario costs less, beyond chance of a twentieth."""
    others = [rows[name, policy] for policy in POLICIES[1:]]
    if name == "steady":
        others = [row for row in others if row["changes"]]
    mine = rows[name, "decide"]["cost"]
    return all(mine <= 1.05 * row["cost"] for row in others if row["in_time"] >= TARGET.share and row["changes"])


def summary(rows: dict[tuple[str, str], Row], name: str) -> dict[str, Any]:
    """A scenario in the last line: share in time and cost by policy, and our cost over each other's."""
    mine = rows[name, "decide"]["cost"]
    return {
        policy: {
            "in_time": round(rows[name, policy]["in_time"], 4),
            "server_hours": round(rows[name, policy]["cost"], 2),
            "our_cost_over_its": round(mine / rows[name, policy]["cost"], 3),
        }
        for policy in POLICIES
    }


def page(found: list[Run], rows: dict[tuple[str, str], Row], names: list[str], seed: int) -> Report:
    """The plots."""
    report = Report("Scaling, simulated")
    report.text(
        f"Target: {TARGET.share:.0%} of answers within {TARGET.latency:g} s, their first token within "
        f"{TARGET.first_token:g} s. The decision is told wrong figures of the servers and measures its own; the "
        "threshold rule is told the true ones."
    )
    headers = ["load", "policy", "in time, %", "server hours", "of the peak fleet's, %", "changes", "most servers"]
    table = [
        [
            name,
            policy,
            round(100 * row["in_time"], 2),
            round(row["cost"], 1),
            round(100 * row["cost"] / rows[name, "fixed, peak"]["cost"], 1),
            round(row["changes"]),
            round(row["most"]),
        ]
        for (name, policy), row in rows.items()
    ]
    report.table(headers, table, "All policies")
    points = [
        Point(name, row["cost"] / rows[name, "fixed, peak"]["cost"], 100 * (1 - row["in_time"]), policy)
        for (name, policy), row in rows.items()
        if policy in SHOWN
    ]
    report.scatter(points, "cost over that of the fleet for the peak", "answers late, %", "Late answers over cost")
    for name in names:
        scenario = scenario_of(name, seed)
        asked = [(minute / 60, rate) for minute, rate in enumerate(scenario.rates)]
        mine = {run.policy: run for run in found if (run.scenario, run.seed) == (name, seed) and run.policy in SHOWN}
        report.lines({"answers a second": asked}, "hours", "asked for a second", f"{name.capitalize()}: load")
        ready = {policy: mine[policy].ready for policy in SHOWN}
        report.lines(ready, "hours", "servers that answer", f"{name.capitalize()}: servers", steps=True)
        missed = {policy: mine[policy].missed for policy in SHOWN}
        report.lines(missed, "hours", "late in five minutes, %", f"{name.capitalize()}: late answers")
    return report


if __name__ == "__main__":
    main()
