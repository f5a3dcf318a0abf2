"""What a use case declares as indicators, it also measures; and what a judge is sent may travel."""

from typing import TYPE_CHECKING

from include.core.errors import ConfigurationError
from include.evaluation.measures import LM_EVAL

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
        if name == "judge_score" and not use_case.evaluation.judge.answers:
            raise ConfigurationError(
                f"{file}: {field}",
                name,
                "no answer is judged",
                "Set evaluation.judge.answers",
            )
    judge = use_case.evaluation.judge
    kept = [source.name for source in use_case.strategy.data_sources if source.sensitivity != "public"]
    if judge.answers and judge.hosting == "hosted" and kept:
        raise ConfigurationError(
            f"{file}: evaluation.judge.hosting",
            "hosted",
            f"questions, references and answers are sent to the judge, and {', '.join(kept)} are not public",
            "Write own where the judge runs on hardware of your own, or judge nothing",
        )
