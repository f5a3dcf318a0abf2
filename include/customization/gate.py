"""Let a customized model pass only where it is better than its base, beyond chance, and fit to serve."""

import json
from dataclasses import asdict
from typing import Any

from include.artifacts.ref import ArtifactRef
from include.artifacts.step import Workspace, step
from include.customization.config import GateConfig
from include.customization.race.checks import Standard, read_licences_check
from include.customization.race.costs import Costs, metered_seconds, prompt_tokens_of, read_costs, serving_extra
from include.customization.race.gate_page import gate_page
from include.customization.race.rungs import Rung, read_rung
from include.customization.race.trial import Check, Trial, compared, winner
from include.customization.race.trials import UNITS, evaluations_of, losses, require_names
from include.customization.trainer.forms import EXAMPLES, TEXTLESS
from include.evaluation.canaries import planted
from include.evaluation.content import content
from include.evaluation.trained_on import TEXTS

GATE_FILE = "gate.json"


@step("report", measures=("baseline", "adapters", "evaluations", "champion"))
def gate(
    work: Workspace,
    model: ArtifactRef,
    dataset: ArtifactRef,
    charter: ArtifactRef,
    baseline: ArtifactRef,
    names: list[str],
    adapters: list[ArtifactRef],
    evaluations: list[ArtifactRef],
    champion: ArtifactRef,
    costs: ArtifactRef,
    rungs: list[ArtifactRef],
    config: GateConfig,
) -> None:
    """Choose, of the adapters that hold all that is asked, the cheapest that is not worse than the best beyond chance.

    `names` are the paths of the techniques' configurations, in the order of `adapters`; `rungs` those that they came
    through. `champion` is the evaluation of what serves now; where nothing does, it is the baseline.

    gate.json and a page. metrics: passed, verdict, selected (the adapter's reference, None where none passes) and
    indicators; where none passes, verdict and indicators are those of the lowest loss. Fails closed: what is missing
    does not hold. ConfigurationError where names and adapters do not belong together.
    """
    require_names(names, adapters)
    priced, came = read_costs(work.store, costs), [read_rung(work.store, ref) for ref in rungs]
    trials = [_trial(work, path, ref, priced, came) for path, ref in zip(names, adapters, strict=True)]
    problem = _baseline_problem(work, model, dataset, baseline)
    served = losses(work.store, champion, config.indicator)
    standard = Standard(
        base={} if problem else losses(work.store, baseline, config.indicator),
        metrics=work.manifest(baseline).metrics,
        problem=problem,
        champion=served if _serves(work, baseline, champion) else None,
        declared=json.loads(work.store.read(charter, "charter.json")),
        card=json.loads(work.store.read(dataset, "card.json")),
        model=json.loads(work.store.read(model, "model_info.json")),
        config=config,
    )
    problems = _evaluated(work, (model, dataset), trials, evaluations, config)
    compared(trials, "base", standard.base, config)
    compared(trials, "champion", served, config, correct=False)
    for trial, found in zip(trials, problems, strict=True):
        info = json.loads(work.store.read(trial.ref, "adapter_info.json"))
        secrets = len({*planted(standard.model), *planted(info)})
        textless = TEXTS not in standard.model and (trial.form == EXAMPLES or info.get(TEXTLESS))
        standard.hold(trial, found, planted=secrets or (None if textless else 0))
        trial.checks.append(read_licences_check(standard.model, info, standard.declared))
    _decide(work, trials, priced, came, config)


def _trial(work: Workspace, path: str, ref: ArtifactRef, costs: Costs, rungs: list[Rung]) -> Trial:
    info = json.loads(work.store.read(ref, "adapter_info.json"))
    trial = Trial(path, ref, info["technique"], info.get("form", ""))
    before = [one.device_seconds for rung in rungs for one in rung.standings if one.path == path]
    trial.device_seconds = sum(before) + metered_seconds(work.manifest(ref).metrics)
    trial.training = costs.prices.money(trial.device_seconds)
    trial.serving = serving_extra(costs.prices, prompt_tokens_of(work.store, ref, trial.form))
    return trial


def _baseline_problem(work: Workspace, model: ArtifactRef, dataset: ArtifactRef, baseline: ArtifactRef) -> str:
    """What keeps anything from being compared with the baseline; empty where nothing does."""
    made = work.manifest(baseline).inputs
    if content(made.get("model")) != content(model):
        return "the baseline evaluates another model"
    return _of_others(work, dataset, baseline)


def _of_others(work: Workspace, dataset: ArtifactRef, evaluation: ArtifactRef) -> str:
    """Why an evaluation is none on the dataset's held-out questions; empty where it is."""
    import pyarrow.parquet as pq

    held = pq.read_table(work.fetch(dataset, only="heldout.parquet") / "heldout.parquet", columns=["id"])
    lines = work.store.read(evaluation, "answers.jsonl").decode().splitlines()
    foreign = {json.loads(line)["id"] for line in lines} - set(held["id"].to_pylist())
    return f"of other questions: {len(foreign)} are not held out of this dataset" if foreign else ""


def _evaluated(
    work: Workspace,
    subject: tuple[ArtifactRef, ArtifactRef],
    trials: list[Trial],
    evaluations: list[ArtifactRef],
    config: GateConfig,
) -> list[str]:
    """Give each trial the metrics and losses of its evaluation; why one has none, or none that counts, else empty."""
    model, dataset = subject
    problems = []
    for trial, ref in zip(trials, evaluations_of(work, [one.ref for one in trials], evaluations), strict=True):
        if ref is None:
            problems.append("missing")
            continue
        made = work.manifest(ref)
        trial.metrics, trial.losses = made.metrics, losses(work.store, ref, config.indicator)
        other = content(made.inputs.get("model")) != content(model)
        problems.append("of another model" if other else _of_others(work, dataset, ref))
    return problems


def _serves(work: Workspace, baseline: ArtifactRef, champion: ArtifactRef) -> bool:
    """Whether anything serves: its evaluation is not that of the base alone."""
    one, other = work.manifest(champion).inputs, work.manifest(baseline).inputs
    return any(content(one.get(name)) != content(other.get(name)) for name in ("model", "adapter"))


def _decide(work: Workspace, trials: list[Trial], costs: Costs, rungs: list[Rung], config: GateConfig) -> None:
    best = winner(trials, config)
    last = sum(metered_seconds(work.manifest(trial.ref).metrics) for trial in trials)
    spent = last + sum(rung.device_seconds for rung in rungs)
    against = best.against.get("base")
    work.metrics |= {
        "passed": best.passes,
        "technique": best.name,
        "difference": round(against.mean, 4) if against else None,
        "verdict": _verdict(best, config),
        "selected": best.ref.model_dump() if best.passes else None,
        "indicators": best.indicators,
        "cost": round(costs.prices.money(spent), 6),
        "predicted_cost": round(costs.prices.money(sum(one.device_seconds for one in costs.entrants)), 6),
        "currency": costs.prices.currency,
    }
    document = {
        "passed": best.passes,
        "verdict": work.metrics["verdict"],
        "technique": best.name,
        "path": best.path,
        "indicator": config.indicator,
        "device_seconds": spent,
        "cost": work.metrics["cost"],
        "currency": costs.prices.currency,
        "trials": [_told(trial, best) for trial in trials],
    }
    (work.output / GATE_FILE).write_text(json.dumps(document, indent=1, ensure_ascii=False), encoding="utf-8")
    gate_page(work.metrics, best, trials, costs, rungs, config).write(work.output)


def _told(trial: Trial, best: Trial) -> dict[str, Any]:
    return {
        "name": trial.name,
        "technique": trial.technique,
        "form": trial.form,
        "adapter": trial.ref.model_dump(),
        "selected": trial is best and trial.passes,
        "mean": trial.mean if trial.losses else None,
        "against": {name: asdict(found) for name, found in trial.against.items()},
        "training_cost": trial.training,
        "serving_cost_a_month": trial.serving,
        "indicators": trial.indicators,
        "checks": [asdict(check) for check in trial.checks],
    }


def _verdict(best: Trial, config: GateConfig) -> str:
    failed: list[Check] = [check for check in best.checks if not check.passed]
    if not failed:
        return f"{best.name} is better than the base: {best.against['base']} {UNITS[config.indicator]}"
    return f"{best.name} does not pass: " + "; ".join(check.told for check in failed)
