"""What is checked before a package is committed, so that no server is the first to read it."""

import json
from pathlib import Path
from typing import Any

from include.core.errors import ModelError
from include.inferencing.chat_template import render_chat

QUESTIONS = ("What does len() do?", "Explain:\n\n    x = [1, 2]  # naïve 日本")
LORA_RANKS = (1, 8, 16, 32, 64, 128, 256, 320, 512)

# vLLM's names: kind, least and most; and those with a list of values
RANGES: dict[str, tuple[type, float, float]] = {
    "model": (str, 1, 4096),
    "tokenizer": (str, 1, 4096),
    "max_model_len": (int, 8, 10_000_000),
    "max_num_seqs": (int, 1, 4096),
    "max_num_batched_tokens": (int, 256, 1_048_576),
    "gpu_memory_utilization": (float, 0.01, 0.98),
    "tensor_parallel_size": (int, 1, 64),
    "enable_prefix_caching": (bool, 0, 1),
    "enforce_eager": (bool, 0, 1),
    "trust_remote_code": (bool, 0, 0),
    "enable_lora": (bool, 0, 1),
    "max_loras": (int, 1, 256),
    "seed": (int, 0, 2**31 - 1),
}
CHOICES: dict[str, tuple[object, ...]] = {
    "dtype": ("bfloat16", "float16", "float32", "auto"),
    "quantization": (None, "fp8"),
    "load_format": ("safetensors",),
    "max_lora_rank": LORA_RANKS,
}


def check_config(text: str) -> None:
    """ModelError unless `text` is a Triton model configuration."""
    from google.protobuf import text_format  # type: ignore[import-untyped,unused-ignore]
    from tritonclient.grpc import model_config_pb2

    try:
        text_format.Parse(text, model_config_pb2.ModelConfig())
    except text_format.ParseError as error:
        raise ModelError("config.pbtxt", None, f"Triton cannot read it: {error}", "Correct CONFIG") from error


def check_engine_arguments(arguments: dict[str, Any]) -> None:
    """ModelError where an argument of vLLM's is not known, of another kind or out of its range."""
    for name, value in arguments.items():
        if name in RANGES:
            kind, least, most = RANGES[name]
            if not _is(value, kind) or not least <= (len(value) if isinstance(value, str) else value) <= most:
                raise _refused(name, value, f"a {kind.__name__} from {least} to {most} is wanted", "Correct it")
        elif name not in CHOICES:
            known = ", ".join(sorted({*RANGES, *CHOICES}))
            raise _refused(name, value, "it is no argument of vLLM's that is used here", f"Use {known}")
        elif value not in CHOICES[name]:
            raise _refused(name, value, "it is not among its values", f"Use one of {CHOICES[name]}")


def check_vllm(folder: Path) -> None:
    """ModelError unless the version folder of a vLLM package has all that its files name."""
    arguments = json.loads((folder / "model.json").read_text(encoding="utf-8"))
    check_engine_arguments(arguments)
    for name in ("model", "tokenizer"):
        if not (folder / arguments[name] / "config.json").exists():
            raise _refused(name, arguments[name], "there is no such folder in the package", "Package it again")
    if not any((folder / arguments["model"]).glob("*.safetensors")):
        raise _refused("model", arguments["model"], "it has no weights as safetensors", "Package it again")
    if not arguments.get("enable_lora"):
        return
    for name, place in json.loads((folder / "multi_lora.json").read_text(encoding="utf-8")).items():
        if not (folder / place / "adapter_model.safetensors").exists():
            raise _refused("multi_lora.json", name, f"{place} holds no adapter", "Package it again")
        rank = json.loads((folder / place / "adapter_config.json").read_text(encoding="utf-8"))["r"]
        if rank > arguments["max_lora_rank"]:
            raise _refused("max_lora_rank", arguments["max_lora_rank"], f"{name} has rank {rank}", "Package it again")


def check_template(tokenizer: Any, examples: tuple[tuple[str, str], ...]) -> None:
    """ModelError unless the gateway's sandboxed rendering gives the tokens that training used."""
    from include.evaluation.prompt import conversation, prompt_ids

    for question in QUESTIONS:
        text = render(tokenizer, conversation(question, examples))
        got = tokenizer(text, add_special_tokens=False)["input_ids"]
        if got != prompt_ids(tokenizer, question, examples):
            raise ModelError(
                "chat_template",
                question,
                "rendered by the gateway it gives other tokens than in training",
                "Correct the chat template in the model's tokenizer_config.json",
            )


def special_tokens(tokenizer: Any) -> list[str]:
    """The tokens that stand for no text: what users send may not name them."""
    return sorted({str(token) for token in tokenizer.added_tokens_decoder.values() if token.special})


def render(tokenizer: Any, messages: list[dict[str, str]]) -> str:
    """The conversation as text up to where the answer starts; ModelError where the template is not one."""
    from jinja2 import TemplateError

    try:
        return render_chat(str(tokenizer.chat_template), messages, tokenizer.bos_token or "", tokenizer.eos_token or "")
    except (TemplateError, TypeError, ValueError) as error:
        raise ModelError(
            "chat_template", None, f"it cannot be rendered in a sandbox ({error})", "Correct the chat template"
        ) from error


def _is(value: object, kind: type) -> bool:
    if kind is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    return isinstance(value, kind) and (kind is bool or not isinstance(value, bool))


def _refused(name: str, value: Any, problem: str, remedy: str) -> ModelError:
    return ModelError(f"model.json: {name}", value, problem, remedy)
