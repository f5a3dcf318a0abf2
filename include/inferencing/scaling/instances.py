"""How many instances of a model a server runs, changed while it answers."""

from include.inferencing.triton_client import TritonClient

# other kinds (a vLLM engine takes its whole GPU) have the number that the package says
SCALED = "KIND_CPU"


def set_instances(triton: TritonClient, model: str, count: int, seconds: float) -> bool:
    """Give a loaded model `count` instances; False where there is nothing to change.

    Answers under way go on. A later load without configuration falls back to what the package says: call this after
    each. ModelError where it is not loaded or Triton refuses, ServerUnavailableError where it does not answer.
    """
    config = triton.config(model)
    groups = config["instance_group"]
    if len(groups) != 1 or groups[0]["kind"] != SCALED or int(groups[0]["count"]) == count:
        return False
    # it replaces the whole configuration, so it is the present one, edited
    triton.load(model, seconds, config | {"instance_group": [groups[0] | {"count": count}]})
    return True
