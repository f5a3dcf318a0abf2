"""Export a Hugging Face folder to OpenVINO. Runs in the serving environment as a script:

python export_openvino.py MODEL OUTPUT WEIGHT_FORMAT VOCABULARY CHECKS [ADAPTERS NAME ...]

VOCABULARY: tokens the model may write; logits of any row above are pushed to -1e9 in the graph, so that no
engine can emit a soft prompt's tokens. CHECKS: a JSON file of [[messages, token ids], ...]; the exported
tokenizer and chat template must give the same ids. ADAPTERS: matrices of live adapters (npz), in the order of NAMEs.
"""

import json
import sys
from pathlib import Path

import nncf  # type: ignore[import-not-found,unused-ignore]
import numpy as np
import openvino as ov
import openvino_genai as genai
from openvino import opset13
from optimum.exporters.openvino import main_export  # type: ignore[import-not-found,unused-ignore]
from optimum.intel import OVConfig  # type: ignore[import-not-found,unused-ignore]

from include.inferencing.graph_adapters import BARRED, add_adapters


def export(
    model: str, output: str, weight_format: str, vocabulary: int, checks: Path, adapters: str = "", *names: str
) -> None:
    """Write the OpenVINO model and tokenizers into `output`; SystemExit with the reason where they are wrong."""
    main_export(
        model,
        output,
        task="text-generation-with-past",
        ov_config=OVConfig(dtype="fp32"),
        convert_tokenizer=True,
        library_name="transformers",
        local_files_only=True,
    )
    path = Path(output) / "openvino_model.xml"
    graph = ov.Core().read_model(path)
    if weight_format == "int8":
        graph = nncf.compress_weights(graph, mode=nncf.CompressWeightsMode.INT8_ASYM)
    bar_tokens(graph, vocabulary)
    if adapters:
        rows = graph.output("logits").get_partial_shape()[2].get_length()
        with np.load(adapters) as found:
            add_adapters(graph, dict(found), list(names), rows)
    # not in place: the weights are mapped from the file that is replaced
    finished = path.with_name("finished.xml")
    ov.save_model(graph, finished, compress_to_fp16=weight_format == "fp16")
    del graph
    for suffix in (".xml", ".bin"):
        finished.with_suffix(suffix).replace(path.with_suffix(suffix))
    check_prompts(output, json.loads(checks.read_text(encoding="utf-8")))


def bar_tokens(graph: ov.Model, vocabulary: int) -> None:
    """Add -1e9 to the logits of all rows from `vocabulary` on; the other logits stay as they are."""
    result = graph.output("logits").get_node()
    logits = result.input_value(0)
    rows = logits.get_partial_shape()[2].get_length()
    if rows == vocabulary:
        return
    bias = np.zeros((1, 1, rows), dtype=np.float32)
    bias[..., vocabulary:] = BARRED
    barred = opset13.add(logits, opset13.constant(bias))
    names = logits.get_names()
    logits.set_names(set())
    result.input(0).replace_source_output(barred.output(0))
    barred.output(0).set_names(names)


def check_prompts(folder: str, expected: list[tuple[list[dict[str, str]], list[int]]]) -> None:
    """Compare the exported chat template and tokenizer with the ids that training used."""
    tokenizer = genai.Tokenizer(folder)
    for messages, ids in expected:
        text = tokenizer.apply_chat_template(messages, add_generation_prompt=True)
        got = tokenizer.encode(text, add_special_tokens=False).input_ids.data[0].tolist()
        if got != ids:
            raise SystemExit(f"the exported tokenizer reads {messages!r} as {got}, the model was trained on {ids}")


if __name__ == "__main__":
    export(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]), Path(sys.argv[5]), *sys.argv[6:])
