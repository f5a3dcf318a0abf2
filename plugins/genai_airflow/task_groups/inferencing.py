"""Step 5 as a task group."""

from airflow.sdk import TaskGroup, XComArg

from genai_airflow.step_operators import DeployModelOperator, RunStepOperator


def inferencing(charter: XComArg, dataset: XComArg, model: XComArg, adapter: XComArg) -> XComArg:
    """The customized model is packaged for Triton and becomes the champion that answers."""
    with TaskGroup("inferencing", tooltip="Package, deploy on Triton, hold the charter against what was measured"):
        package = RunStepOperator(
            task_id="package",
            step="inferencing.package",
            config="inferencing.package",
            arguments={"model": model, "adapter": adapter},
            doc_md="Lays out the model as Triton serves it, with licences beside it.",
        ).output
        # people may have to approve what the gate has chosen
        adapter.operator.task_group >> package
        judged, compared = adapter.operator.arguments, model.operator.arguments
        RunStepOperator(
            task_id="review",
            step="strategy.review",
            config="evaluation",
            arguments={
                "charter": charter,
                "dataset": dataset,
                "model": model,
                "trained": compared["models"].operator.op_kwargs["trained"],
                "adapters": judged["adapters"],
                "evaluations": judged["evaluations"],
                "package": package,
            },
            doc_md="Reports what the charter **predicted** beside what was **measured**. It stops nothing.",
        )
        return DeployModelOperator(
            task_id="deploy",
            package=package,
            gate=adapter.operator.output,
            card=_model_card(adapter),
            charter=charter,
            doc_md="Loads the package beside the champion, compares them under traffic, promotes or rolls back.",
        ).output


def _model_card(adapter: XComArg) -> XComArg:
    """What customization has written of the adapter that its gate chose."""
    group = adapter.operator.task_group
    return group.children[f"{group.group_id}.model_card"].output
