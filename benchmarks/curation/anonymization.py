"""`python -m benchmarks.curation.anonymization`: documents a second beside Presidio's BatchAnalyzerEngine, one core.

Both read the same texts in the same process, in turns, and their recall is measured on the same true spans: values of
presidio-evaluator in helpdesk messages and letters that neither was made from. The last line is JSON.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Sequence
from statistics import median
from typing import Any

ROUNDS, SEED = 3, 11
AIM = 4.0


def main(arguments: Sequence[str] = ()) -> int:
    """Print both speeds, their ratio and both recalls; 1 where the ratio or the recall falls short."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.curation.anonymization")
    parser.add_argument("--documents", type=int, default=600)
    figures = measure(parser.parse_args(list(arguments)).documents)
    _say(json.dumps({"part": "anonymization", **figures}))
    return 0 if figures["passed"] else 1


def measure(count: int) -> dict[str, Any]:
    """Documents a CPU second and recall of both on `count` texts, their ratio, and whether it holds; prints a table."""
    os.environ["OMP_NUM_THREADS"] = "1"  # spaCy's and torch's products on one core
    import torch

    from benchmarks.personal_data import engines, labelled
    from benchmarks.personal_data import scores as scoring

    torch.set_num_threads(1)
    labelled.use_blank_tokenizer()
    part = labelled.parts(0, 5, SEED)[1]
    samples: list[Any] = []
    for name in labelled.OTHERS:
        samples += labelled.sentences(labelled.others(part, name), count // 2, SEED)
    # messages as long as the tickets of the sample
    texts = labelled.texts(samples)
    messages = [" ".join(texts[place : place + 3]) for place in range(0, len(texts), 3)]
    finders = {"presidio": engines.default(), "project": engines.of_network(None)}
    seconds: dict[str, list[float]] = {name: [] for name in finders}
    for find in finders.values():
        find(messages[:32])
    for _ in range(ROUNDS):
        for name, find in finders.items():
            started = time.process_time()
            find(messages)
            seconds[name].append(time.process_time() - started)
    speed = {name: len(messages) / median(some) for name, some in seconds.items()}
    scores = {name: scoring.measure(samples, find(texts)) for name, find in finders.items()}
    ratio = speed["project"] / speed["presidio"]
    length = sum(map(len, messages)) / len(messages)
    for name, score in scores.items():
        _say(
            f"{name:9} {speed[name]:7.0f} documents a CPU second ({length:.0f} characters), recall {score.recall:.3f}, "
            f"precision {score.precision:.3f}, characters covered {score.covered:.3f}"
        )
    passed = ratio >= AIM and scores["project"].recall >= scores["presidio"].recall
    _say(f"ratio {ratio:.1f}, at least {AIM:g} at no lower recall: {'yes' if passed else 'NO'}")
    figures = {
        name: {"documents_a_second": round(speed[name], 1), "recall": round(scores[name].recall, 4)} for name in speed
    }
    return {"ratio": round(ratio, 2), "passed": passed, **figures}


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
