"""What the gate asks of a model. Whatever is missing or cannot be told does not hold."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from include.customization.config import GateConfig
from include.customization.race.trial import SERVABLE, Check, Trial
from include.customization.race.trials import UNITS
from include.evaluation.measures import on_target
from include.evaluation.trained_on import BASE, is_allowed, licence_chain

DATA_LICENCES = "licences outside the charter"


@dataclass(frozen=True)
class Standard:
    """What all techniques are held to.

    `base` and `metrics` are the base's losses and measures, `problem` is why nothing can be compared with it,
    `champion` the losses of what serves, None where nothing does, `declared` the charter, `card` the data card and
    `model` the base's description.
    """

    base: Mapping[str, float]
    metrics: Mapping[str, Any]
    problem: str
    champion: Mapping[str, float] | None
    declared: Mapping[str, Any]
    card: Mapping[str, Any]
    model: Mapping[str, Any]
    config: GateConfig

    def hold(self, trial: Trial, problem: str, *, planted: int | None) -> None:
        """Set a trial's indicators and checks.

        `problem` is why its evaluation does not count, empty where it does; `planted` are the canaries that the base
        and the technique were trained on, None where there are none because no text was trained on.
        """
        declared = self.declared.get("indicators", [])
        trial.indicators = [indicator_row(one, self.metrics, trial.metrics) for one in declared]
        trial.checks = [
            evaluation_check(trial, self.base, self.problem or problem, self.config),
            better_check(trial, self.config),
            *target_checks(trial.indicators),
            canary_check(planted, trial.metrics),
            regression_check(trial, self.champion, self.config),
            form_check(trial.form),
            *licence_checks(self.model, self.card, self.declared),
        ]


def evaluation_check(trial: Trial, base: Mapping[str, float], problem: str, config: GateConfig) -> Check:
    """It was evaluated, on the held-out questions, the very ones of the base, and on enough of them."""
    asked = f"on the base's held-out questions, at least {config.least_questions}"
    if problem or not trial.losses:
        return Check("evaluation", problem or "missing", asked, passed=False)
    if trial.losses.keys() != base.keys():
        told = f"of other questions: {len(trial.losses.keys() & base.keys())} of {len(base)} are the base's"
        return Check("evaluation", told, asked, passed=False)
    return Check("evaluation", f"{len(base)} questions", asked, passed=len(base) >= config.least_questions)


def better_check(trial: Trial, config: GateConfig) -> Check:
    """Better than the base beyond chance."""
    found, asked = trial.against.get("base"), f"below 0, corrected p at most {config.significance:g}"
    told = f"{found} {UNITS[config.indicator]}" if found else "not compared"
    return Check("better than the base", told, asked, bool(found and found.is_better(config.significance)))


def target_checks(indicators: Sequence[Mapping[str, Any]]) -> list[Check]:
    """Every required target is met, and any at all."""
    found = [
        Check(
            f"target of {row['name']}",
            "not measured" if row["customized"] is None else f"{row['customized']:.4g}",
            f"{row['direction'].replace('_', ' ')} {row['target']:g}",
            bool(row["met"]),
        )
        for row in indicators
        if row["required"]
    ]
    if indicators and not found:
        met = sum(bool(row["met"]) for row in indicators)
        found.append(Check("targets", f"{met} of {len(indicators)} met", "at least one", met > 0))
    return found


def canary_check(planted: int | None, metrics: Mapping[str, Any]) -> Check:
    """No canary that it was trained on comes out of it, and all of them were looked for: at least one, but where no
    text was trained on that could have one (`planted` is None)."""
    leaked, searched = metrics.get("canaries_leaked"), metrics.get("canaries", 0)
    if planted is None and not leaked:
        return Check(
            "canaries leaked", "none planted: no text was trained on here that it could know by heart", "0", True
        )
    if not planted and not leaked:
        told = "none was planted: what it knows by heart is not known; raise the technique's canaries"
        return Check("canaries leaked", told, "0", passed=False)
    if leaked is None or searched < (planted or 0):
        told = f"{planted} planted, {0 if leaked is None else searched} looked for"
        return Check("canaries leaked", told, "0", passed=False)
    return Check("canaries leaked", str(leaked), "0", passed=leaked == 0)


def regression_check(trial: Trial, champion: Mapping[str, float] | None, config: GateConfig) -> Check:
    """Shown to be no worse than the champion by more than the margin: the whole interval lies within it."""
    name, asked = "regression against the champion", f"no worse by more than {config.margin:.3g} of its mean"
    if champion is None:
        return Check(name, "nothing serves yet", asked, passed=True)
    found = trial.against.get("champion")
    if not found:
        return Check(name, "not compared", asked, passed=False)
    mean = sum(champion.values()) / len(champion)
    margin = config.margin * abs(mean)
    asked += f": upper end at most {margin:+.4f}, {config.margin:.3g} of {abs(mean):.4f}"
    told = f"{found} {UNITS[config.indicator]}, upper end {_beside(found.high, margin)}"
    if found.low <= margin < found.high:
        needed = found.questions_for(margin, len(champion))
        told += f"; {len(champion)} questions are too few to tell"
        told += f", about {needed} would be enough for this difference" if needed else ""
    return Check(name, told, asked, passed=found.high <= margin)


def _beside(high: float, margin: float) -> str:
    return f"{abs(margin - high):.4f} {'within' if high <= margin else 'beyond'} the margin"


def form_check(form: str) -> Check:
    """The server can serve it."""
    return Check("form that the server serves", form or "not known", ", ".join(SERVABLE), form in SERVABLE)


def licence_checks(model: Mapping[str, Any], card: Mapping[str, Any], charter: Mapping[str, Any]) -> list[Check]:
    """The base's licence is one of the charter's, and the data's are, as the data card says."""
    allowed, licence = charter.get("limits", {}).get("licences", []), str(model.get("license", "not known"))
    asked = ", ".join(allowed) or "the charter names none"
    gates = [gate for gate in card.get("gates", []) if gate["name"] == DATA_LICENCES]
    held = bool(gates) and all(gate["passed"] for gate in gates)
    told = ", ".join(str(gate["measured"]) for gate in gates) or "the data card does not say"
    return [
        Check("licence of the base", licence, asked, licence in allowed),
        Check("licences of the data outside the charter", told, "none", held),
    ]


def read_licences_check(model: Mapping[str, Any], info: Mapping[str, Any], charter: Mapping[str, Any]) -> Check:
    """All that the base and the technique were trained on stands under licences of the charter."""
    allowed = charter.get("limits", {}).get("licences", [])
    chain = {part: names for part, names in licence_chain(model, info).items() if part != BASE}
    foreign = [f"{part}: {name}" for part, names in chain.items() for name in names if not is_allowed(name, allowed)]
    told = ", ".join(foreign) or f"none in {', '.join(chain)}"
    return Check("licences of what was trained on outside the charter", told, "none", passed=not foreign)


def indicator_row(
    declared: Mapping[str, Any], base: Mapping[str, Any], customized: Mapping[str, Any]
) -> dict[str, Any]:
    """One row of metrics["indicators"]; low and high: 95% interval of the customized model's value."""
    name = declared["name"]
    value = customized.get(name)
    low, high = customized.get("intervals", {}).get(name, (None, None))
    return {
        "name": name,
        "target": declared["target"],
        "direction": declared["direction"],
        "required": bool(declared.get("required", False)),
        "base": base.get(name),
        "customized": value,
        "low": low,
        "high": high,
        "met": value is not None and on_target(declared, value),
    }
