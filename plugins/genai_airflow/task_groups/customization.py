"""Step 4 as a task group."""

from typing import TYPE_CHECKING, Any

from airflow.sdk import TaskGroup, XComArg

from genai_airflow.fan_out import list_survivors, list_techniques
from genai_airflow.job_operator import RunJobOperator
from genai_airflow.model_operators import DescribeModelOperator, EvaluateChampionOperator
from genai_airflow.step_operators import JudgeModelOperator, RunStepOperator
from genai_airflow.task_groups.preferences import LEARNERS, preferences
from genai_airflow.task_groups.tasks import BY_ITEM, ask_people, evaluate_each, on_devices

if TYPE_CHECKING:
    from include.use_cases import UseCase

RUNGS = "customization.race.rungs"


def customization(use_case: "UseCase", charter: XComArg, dataset: XComArg, model: XComArg) -> XComArg:
    """The techniques race under one budget, and the gate lets the best one pass that is fit to serve."""
    with TaskGroup("customization", tooltip="Tune, evaluate against the base and the champion, gate"):
        subject = {"model": model, "dataset": dataset}
        costs = RunStepOperator(
            task_id="predict_costs",
            step="customization.predict_costs",
            config="customization",
            arguments={"model": model, "charter": charter},
            doc_md="Predicts what each technique will cost. A race that the budget does not pay for stops here.",
        ).output
        techniques = list_techniques.override(task_id="techniques")()
        costs >> techniques
        learnt = preferences(costs, model, dataset)
        raced = _race(len(use_case.customization.race.rungs), techniques, costs, subject, learnt)
        gate = JudgeModelOperator(
            task_id="gate",
            step="customization.gate",
            config="customization.gate",
            arguments=subject | raced | _measured(subject) | {"costs": costs, "charter": charter},
            doc_md="Holds each technique to the base, the champion and the charter, and chooses among those that hold. "
            "None: the run stops here. The verdict of the run that looks at the newest data alone may move the "
            "champion.",
        )
        approved = ask_people(use_case.customization.gate.approval, gate, what="model", title=use_case.title)
        approved >> DescribeModelOperator(
            task_id="model_card",
            step="customization.model_card",
            arguments=subject
            | learnt
            | {"charter": charter, "costs": costs, "gate": gate.output, "adapter": gate.output["selected"]},
            doc_md="Writes the **model card**: intended use, data, licences, technique, results, cost, approvals.",
        )
    return gate.output["selected"]


def _measured(subject: dict[str, XComArg]) -> dict[str, XComArg]:
    """What the techniques are compared with: the model as it is, and what serves now."""
    return {
        "baseline": RunStepOperator(
            task_id="evaluate_base",
            step="evaluation.evaluate",
            config="evaluation",
            arguments=subject,
            doc_md="Evaluates the uncustomized model. Its evaluation in training is reused.",
        ).output,
        "champion": EvaluateChampionOperator(
            task_id="evaluate_champion",
            step="evaluation.evaluate",
            config="evaluation",
            arguments=subject,
            doc_md="Evaluates what serves now on the same questions; the uncustomized model where nothing does.",
        ).output,
    }


def _race(
    rungs: int, techniques: XComArg, costs: XComArg, subject: dict[str, XComArg], learnt: dict[str, XComArg]
) -> dict[str, Any]:
    """All rungs of the race; names, adapters and evaluations of those that reach the last one, and the rungs before."""
    entrants, names, halves = techniques, techniques, list[XComArg]()
    for number in range(rungs - 1):
        with TaskGroup(f"rung_{number + 1}", tooltip="Train a share of the steps, stop the weaker techniques"):
            adapters = _tune(number, entrants, names, subject | learnt)
            evaluations = evaluate_each(
                "adapter", adapters, "customization.race.evaluation", names, **subject, split="development"
            )
            halve = RunStepOperator(
                task_id="halve",
                step="customization.halve",
                config="customization.race",
                also={"indicator": "customization.gate.indicator"},
                arguments={
                    "names": names,
                    "adapters": adapters,
                    "evaluations": evaluations,
                    "costs": costs,
                    "earlier": list(halves),
                    "rung": number,
                },
                doc_md="Stops the weaker techniques, and those that the budget does not pay for.",
            ).output
            entrants, names = list_survivors.override(task_id="survivors")(halve["survivors"]), halve["names"]
            halves.append(halve)
    adapters = _tune(rungs - 1, entrants, names, subject | learnt)
    evaluations = evaluate_each("adapter", adapters, labels=names, **subject)
    return {"names": names, "adapters": adapters, "evaluations": evaluations, "rungs": halves}


def _tune(rung: int, entrants: XComArg, names: XComArg, arguments: dict[str, XComArg]) -> XComArg:
    """One task a technique: it begins on the first rung, and goes on from its adapter on the others."""
    mapped = RunJobOperator.partial(
        task_id="tune",
        step="customization.tune",
        arguments=arguments,
        where=LEARNERS,
        also={"share": f"{RUNGS}.{rung}"},
        over="resume" if rung else "",
        labels=names,
        **on_devices(),
        map_index_template=BY_ITEM,
        doc_md="Customizes the model (DeepSpeed), until the rung's share of the steps; one task a technique.",
    )
    return (mapped.expand_kwargs(entrants) if rung else mapped.expand(config=entrants)).output
