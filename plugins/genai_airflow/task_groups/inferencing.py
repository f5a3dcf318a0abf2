"""Step 5 as a task group."""

from airflow.sdk import TaskGroup, XComArg

from genai_airflow.step_operators import DeployModelOperator, RunStepOperator


def inferencing(model: XComArg, adapter: XComArg) -> XComArg:
    """The customized model is packaged for Triton and becomes the champion that answers."""
    with TaskGroup("inferencing", tooltip="Package and deploy on Triton"):
        package = RunStepOperator(
            task_id="package",
            step="inferencing.package",
            config="inferencing.package",
            arguments={"model": model, "adapter": adapter},
            doc_md="Merges, exports and lays out the model as Triton serves it.",
        ).output
        return DeployModelOperator(
            task_id="deploy",
            package=package,
            doc_md="Loads the package on Triton, tries it, and moves the champion alias to it.",
        ).output
