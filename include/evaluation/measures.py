"""What an evaluation measures of a model, by name: the indicators that a use case may declare."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

Direction = Literal["at_most", "at_least"]


class Measure(NamedTuple):
    """What is measured, and which side of a target is good.

    `column`: where answers.jsonl has the value of each question; empty where a measure has none.
    """

    what: str
    good: Direction
    column: str = ""


MEASURES: Mapping[str, Measure] = MappingProxyType(
    {
        "answer_nll": Measure("reference answer, nats a token", "at_most", "nll"),
        "answer_chrf": Measure("own answer against the reference, chrF2++", "at_least", "chrf"),
        "seconds_per_answer": Measure(
            "own answer, seconds of its batch divided by the batch's size", "at_most", "seconds"
        ),
        "answer_bits_per_char": Measure("reference answer, bits a character", "at_most", "bits_per_char"),
        "answer_perplexity": Measure("reference answers, perplexity a token of the model's own tokenizer", "at_most"),
        "text_bits_per_char": Measure(
            "held-out text without its question, bits a character", "at_most", "text_bits_per_char"
        ),
        "text_perplexity": Measure(
            "held-out texts without their questions, perplexity a token of the model's own tokenizer", "at_most"
        ),
        "answer_rouge_l": Measure("own answer against the reference, ROUGE-L, 0 to 100", "at_least", "rouge_l"),
        "answer_token_f1": Measure("own answer's words against the reference's, F1, 0 to 100", "at_least", "token_f1"),
        "answer_exact_match": Measure("own answers that are the reference, percent", "at_least", "exact_match"),
        "first_token_seconds": Measure("one question alone, seconds to the first token", "at_most"),
        "seconds_per_token": Measure("one question alone, seconds a token after the first", "at_most"),
        "peak_memory_gb": Measure("memory of loading and answering at its highest, 10^9 bytes", "at_most"),
        "canaries_leaked": Measure("canaries trained on that an answer gives away", "at_most"),
        "canary_exposure": Measure("how far canaries trained on stand out, bits; 1.4 by chance", "at_most"),
        "judge_score": Measure("own answer as a judge rates it, 1 to 5", "at_least", "judge_score"),
        "judge_win_rate": Measure(
            "own answers that a judge prefers to the base's, ties by half, percent", "at_least", "judge_win"
        ),
    }
)
LM_EVAL = "lm_eval."
# metrics of lm-eval's own; what else a task may name is code from elsewhere
_HIGHER = ("acc", "acc_norm", "acc_mutual_info", "exact_match", "f1", "mcc", "bleu", "chrf")
_LOWER = ("perplexity", "word_perplexity", "byte_perplexity", "bits_per_byte", "brier_score", "ter")
_DIRECTIONS: dict[str, Direction] = {name: "at_most" if name in _LOWER else "at_least" for name in (*_HIGHER, *_LOWER)}
LM_EVAL_METRICS: Mapping[str, Direction] = MappingProxyType(_DIRECTIONS)


def measure(name: str) -> Measure | None:
    """The measure of that name; `lm_eval.<task>.<metric>` is one for any task; None where nothing measures it."""
    task, _, metric = name.removeprefix(LM_EVAL).rpartition(".")
    if name.startswith(LM_EVAL) and task and metric in LM_EVAL_METRICS:
        return Measure(f"lm-eval, {metric} of the task {task}", LM_EVAL_METRICS[metric])
    return MEASURES.get(name)


def on_target(indicator: Mapping[str, Any], value: float) -> bool:
    """Whether a value is on the good side of the target of an indicator, as charter.json declares it."""
    return bool(value <= indicator["target"] if indicator["direction"] == "at_most" else value >= indicator["target"])


def held_to(indicator: Mapping[str, Any], metrics: Mapping[str, Any]) -> dict[str, Any]:
    """An evaluation's value of an indicator, its 95% interval, and whether it is on target.

    What was not measured (a canary where none was planted, say) is None, and on no target.
    """
    name = indicator["name"]
    value = metrics.get(name)
    low, high = metrics.get("intervals", {}).get(name, (None, None))
    return {"value": value, "low": low, "high": high, "met": value is not None and on_target(indicator, value)}
