"""How many instances of a model a server runs, changed while it answers."""

import json

from include.inferencing.triton_client import TritonClient


def instances(triton: TritonClient, model: str) -> int:
    """Instances of a loaded model; ModelError where it is not loaded."""
    return sum(int(group["count"]) for group in _config(triton, model)["instance_group"])


def set_instances(triton: TritonClient, model: str, count: int, seconds: float) -> bool:
    """Give a loaded model `count` instances; False where it has them already.

    Answers under way go on. A later load without the model's configuration falls back to what the package says.
    ModelError where Triton refuses, ServerUnavailableError where it does not answer within `seconds`.
    """
    config = _config(triton, model)
    groups = config["instance_group"]
    if len(groups) == 1 and int(groups[0]["count"]) == count:
        return False
    # an override replaces the whole configuration, so it is the present one, edited
    config["instance_group"] = [groups[0] | {"count": count}]
    with triton.errors(model):
        triton.client.load_model(model, config=json.dumps(config), client_timeout=seconds)
    return True
