"""What a use case declares and decides by, it also measures; and what a judge is sent may travel."""

from typing import TYPE_CHECKING

from include.core.errors import ConfigurationError
from include.customization.config import FewShotConfig
from include.customization.config.race import LEAST_DEVELOPMENT
from include.evaluation.measures import LM_EVAL
from include.evaluation.trained_on import is_allowed

if TYPE_CHECKING:
    from include.use_cases.use_case import UseCase


def require_measured(use_case: "UseCase", file: str) -> None:
    """ConfigurationError where an indicator, or the measure that selects, comes from a task or judge that is not
    asked, or where a judge elsewhere would be sent what is not public."""
    named = [(f"strategy.indicators.{i}.name", one.name) for i, one in enumerate(use_case.strategy.indicators)]
    named.append(("training.select.indicator", use_case.training.select.indicator))
    for field, name in named:
        task = name.removeprefix(LM_EVAL).partition(".")[0]
        if name.startswith(LM_EVAL) and task not in use_case.evaluation.lm_eval.tasks:
            known = ", ".join(use_case.evaluation.lm_eval.tasks) or "none"
            raise ConfigurationError(
                f"{file}: {field}", name, f"evaluation.lm_eval.tasks are {known}", f"Add {task} to them"
            )
        knob = {"judge_score": "answers", "judge_win_rate": "pairs"}.get(name)
        if knob and not getattr(use_case.evaluation.judge, knob):
            raise ConfigurationError(f"{file}: {field}", name, "no answer is judged", f"Set evaluation.judge.{knob}")
        if name == "judge_win_rate" and field == "training.select.indicator":
            raise ConfigurationError(
                f"{file}: {field}", name, "candidates have no base to be compared with", "Select by judge_score"
            )
    judge = use_case.evaluation.judge
    kept = [source.name for source in use_case.strategy.data_sources if source.sensitivity != "public"]
    if judge.is_asked and judge.hosting == "hosted" and kept:
        raise ConfigurationError(
            f"{file}: evaluation.judge.hosting",
            "hosted",
            f"questions, references and answers are sent to the judge, and {', '.join(kept)} are not public",
            "Write own where the judge runs on hardware of your own, or judge nothing",
        )


def require_decidable(use_case: "UseCase", file: str) -> None:
    """ConfigurationError where a rung of the race, or the gate, would have fewer values to decide by than it needs."""
    customization = use_case.customization
    gate, race = customization.gate, customization.race
    # of answers, those to questions that are evaluated at all
    fields = ("questions", "answers") if gate.indicator == "answer_chrf" else ("questions",)
    deciding = [("evaluation", use_case.evaluation, "gate", gate.least_questions)]
    if len(race.rungs) > 1:
        deciding.append(("customization.race.evaluation", race.evaluation, "race", LEAST_DEVELOPMENT))
    for path, evaluation, who, least in deciding:
        for name in fields:
            if (value := getattr(evaluation, name)) < least:
                raise ConfigurationError(
                    f"{file}: {path}.{name}",
                    value,
                    f"the {who} decides by customization.gate.indicator, {gate.indicator}, on {least} of them or more",
                    f"Raise it to {least}" + (", or decide by answer_bits_per_char" if name == "answers" else ""),
                )


def require_passable(use_case: "UseCase", file: str) -> None:
    """ConfigurationError where a technique would be stopped by the gate whatever it learns."""
    customization, allowed = use_case.customization, use_case.strategy.limits.licences
    for name in customization.techniques:
        technique = customization.technique(name)
        if not isinstance(technique, FewShotConfig) and technique.canaries == 0:
            raise ConfigurationError(
                f"{file}: {customization.path(name)}.canaries",
                0,
                "the gate passes nothing that was trained on texts without a canary among them",
                "Use 1 or more",
            )
    for number, pairs in enumerate(customization.preferences.files):
        if not is_allowed(pairs.license, allowed):
            raise ConfigurationError(
                f"{file}: customization.preferences.files.{number}.license",
                pairs.license,
                f"strategy.limits.licences are {', '.join(allowed)}",
                "Leave these files out, or let the charter accept their licence",
            )
