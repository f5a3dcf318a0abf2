"""LoRA adapters of several tenants in one OpenVINO graph. Runs in the serving environment.

The engine applies one set of adapters to a whole batch, so that here the tokens themselves say whose they are: token t
of adapter number k (0: none) is t + k * vocabulary. The graph takes the number off before the embedding, lets it
choose the adapter's columns in every layer that one changes, and gives the logits back at that adapter's tokens, all
others barred. Sampling, batching and the prefix cache need to know nothing of it, and never mix two tenants.
"""

from typing import Any

import numpy as np
import openvino as ov
from openvino import opset13 as ops

BARRED = -1e9


def add_adapters(graph: ov.Model, found: dict[str, Any], names: list[str], vocabulary: int) -> None:
    """Change `graph` in place; `found`: matrices by `NAME|LAYER|A` and `|B`. SystemExit where a layer is missing."""
    graph.validate_nodes_and_infer_types()
    tokens = graph.input("input_ids")
    consumers = list(tokens.get_target_inputs())
    # whole numbers: on some processors the engine computes floats in 16 bits
    whose = ops.divide(tokens, ops.constant(np.int64(vocabulary)))
    plain = ops.subtract(tokens, ops.multiply(whose, ops.constant(np.int64(vocabulary))))
    for consumer in consumers:
        consumer.replace_source_output(plain.output(0))
    whose = ops.unsqueeze(whose, ops.constant(np.int64(-1)))
    layers = {key.split("|")[1] for key in found}
    targets = _layers(graph, layers)
    if missing := sorted(layers - set(targets)):
        raise SystemExit(f"the exported graph has no layer {missing[0]}, which an adapter changes")
    for layer, product in sorted(targets.items()):
        _add(product, layer, found, names, whose)
    _spread(graph, whose, len(names) + 1)
    graph.validate_nodes_and_infer_types()


def _layers(graph: ov.Model, wanted: set[str]) -> dict[str, ov.Node]:
    """The product of each layer by its PyTorch name, which the exporter keeps in that of the node."""
    found = {}
    for node in graph.get_ordered_ops():
        name = node.get_friendly_name()
        if node.get_type_name() == "MatMul" and name.startswith("__module."):
            path = name.removeprefix("__module.").split("/")[0]
            layer = next((one for one in (path, path.removeprefix("model.")) if one in wanted), None)
            if layer:
                found[layer] = node
    return found


def _add(product: ov.Node, layer: str, found: dict[str, Any], names: list[str], whose: ov.Node) -> None:
    down, up, owner = [], [], []
    for number, name in enumerate(names, start=1):
        if f"{name}|{layer}|A" in found:
            down.append(found[f"{name}|{layer}|A"])
            up.append(found[f"{name}|{layer}|B"])
            owner += [number] * len(down[-1])
    reduced = ops.matmul(product.input_value(0), ops.constant(np.concatenate(down).astype(np.float32)), False, True)
    chosen = ops.convert(ops.equal(whose, ops.constant(np.array([[owner]], dtype=np.int64))), "f32")
    added = ops.matmul(
        ops.multiply(reduced, chosen), ops.constant(np.concatenate(up, axis=1).astype(np.float32)), False, True
    )
    consumers = list(product.output(0).get_target_inputs())
    total = ops.add(product.output(0), added)
    for consumer in consumers:
        consumer.replace_source_output(total.output(0))


def _spread(graph: ov.Model, whose: ov.Node, count: int) -> None:
    """The logits as those of the adapter's own tokens; all others barred."""
    result = graph.output("logits").get_node()
    logits = result.input_value(0)
    rows = logits.get_partial_shape()[2].get_length()
    own = ops.convert(ops.equal(whose, ops.constant(np.arange(count, dtype=np.int64)[None, None])), "f32")
    bars = ops.multiply(ops.subtract(own, ops.constant(np.float32(1))), ops.constant(np.float32(-BARRED)))
    spread = ops.add(ops.unsqueeze(logits, ops.constant(np.int64(-2))), ops.unsqueeze(bars, ops.constant(np.int64(-1))))
    flat = ops.reshape(spread, ops.constant(np.array([0, 0, rows * count], dtype=np.int64)), True)
    names = logits.get_names()
    logits.set_names(set())
    result.input(0).replace_source_output(flat.output(0))
    flat.output(0).set_names(names)
