"""`python -m benchmarks.personal_data`: recall and precision on presidio-evaluator's sentences, split by split.

The tagger learns from one part of the templates (with other people and organizations) and the project's own sentences,
and is measured on the other part: the recipe of the weights that the project ships. Those have learnt from all parts,
so that `shipped` is measured on the messages and letters alone, which nothing learns from. The last line is JSON.
Twenty minutes on an idle core.
"""

import argparse
import json
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from statistics import mean
from typing import Any

from benchmarks.personal_data import engines, labelled
from benchmarks.personal_data.scores import Score, measure

FIGURES = ("recall", "precision", "covered", "covered_precision", "flagged_share")


def main() -> int:
    """Run all splits and seeds, print a table for each engine and set, and one line of JSON."""
    options = _options()
    labelled.use_blank_tokenizer()
    scores: dict[str, dict[str, list[Score]]] = {}
    default, shipped = engines.default(), engines.of_network(None, options.caution)
    for seed in range(options.seeds):
        for split in options.only or range(options.splits):
            learnt, rest = labelled.parts(split, options.splits, seed + 7)
            kept = options.keep and options.keep / f"{seed}-{split}-of-{options.splits}.safetensors"
            network = engines.trained(learnt, seed + 1, kept)
            sets = {"evaluator": (rest, options.sentences)}
            sets |= {name: (labelled.others(rest, name), options.sentences // 3) for name in labelled.OTHERS}
            for name, (part, count) in sets.items():
                samples = labelled.sentences(part, count, seed + 11)
                found = {"default": default, "tagger": engines.of_network(network, options.caution)}
                if name in labelled.OTHERS:
                    found["shipped"] = shipped
                for engine, find in found.items():
                    score = measure(samples, find(labelled.texts(samples)))
                    scores.setdefault(name, {}).setdefault(engine, []).append(score)
                    _say(f"seed {seed} split {split} {name:14} {engine:8} {_line(score)}")
    for name, by_engine in scores.items():
        for engine, some in by_engine.items():
            _say(f"\n{name}, {engine}: mean of {len(some)} (lowest to highest)")
            for figure in FIGURES:
                values = [getattr(score, figure) for score in some]
                _say(f"  {figure:18} {mean(values):.3f} ({min(values):.3f} to {max(values):.3f})")
            _by_entity(some)
    _say(json.dumps({name: {engine: _means(some) for engine, some in by.items()} for name, by in scores.items()}))
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.personal_data")
    parser.add_argument("--splits", type=int, default=5, help="parts of the templates; 2: random halves")
    parser.add_argument("--only", type=int, nargs="*", help="these splits alone")
    parser.add_argument("--seeds", type=int, default=1, help="divisions of the templates")
    parser.add_argument("--sentences", type=int, default=600, help="sentences that are measured in a split")
    parser.add_argument("--caution", type=float, help="in the place of the project's")
    parser.add_argument("--keep", type=Path, help="folder for the trained weights: they are used again")
    return parser.parse_args()


def _line(score: Score) -> str:
    shares = " ".join(f"{figure} {getattr(score, figure):.3f}" for figure in FIGURES)
    return f"{shares} ({score.flagged} of {score.clean}), {score.spans} spans"


def _by_entity(scores: Sequence[Score]) -> None:
    total: dict[str, Counter[str]] = {}
    for score in scores:
        for entity, (spans, whole, part) in score.by_entity.items():
            total.setdefault(entity, Counter()).update(spans=spans, whole=whole, part=part)
    for entity, counts in sorted(total.items()):
        whole, part = counts["whole"] / counts["spans"], counts["part"] / counts["spans"]
        _say(f"    {entity:18} {counts['spans']:6} spans, fully covered {whole:.3f}, touched {part:.3f}")


def _means(scores: Sequence[Score]) -> dict[str, Any]:
    values = {figure: round(mean(getattr(score, figure) for score in scores), 4) for figure in FIGURES}
    pooled = sum(score.flagged for score in scores) / max(1, sum(score.clean for score in scores))
    return values | {"runs": len(scores), "flagged_share_pooled": round(pooled, 4)}


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
