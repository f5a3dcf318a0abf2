"""Scores of found spans against true ones: presidio-evaluator's own spans, characters, and texts without any."""

import contextlib
import importlib
import io
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from benchmarks.personal_data.labelled import kinds

Found = tuple[str, int, int]
IOU = 0.9


@dataclass
class Score:
    """Shares from 0 to 1; `flagged` of `clean` texts without personal data have a finding."""

    recall: float
    precision: float
    covered: float
    covered_precision: float
    flagged: int
    clean: int
    spans: int
    by_entity: dict[str, tuple[int, int, int]] = field(default_factory=dict)

    @property
    def flagged_share(self) -> float:
        """Share of the texts without personal data that have a finding."""
        return self.flagged / max(1, self.clean)


def measure(samples: Sequence[Any], found: Sequence[Sequence[Found]]) -> Score:
    """Recall and precision of SpanEvaluator, all kinds as one, and what the characters say.

    `by_entity` counts true spans, those whose letters and digits are all covered, and those of which some are.
    """
    import pandas as pd
    from presidio_evaluator.evaluation import SpanEvaluator

    to_tags, rows = importlib.import_module("presidio_evaluator.span_to_tag"), []
    totals, entities = Counter[str](), {"all": Counter[str](), "whole": Counter[str](), "part": Counter[str]()}
    for number, (sample, spans) in enumerate(zip(samples, found, strict=True)):
        text, truth = sample.full_text, kinds(sample)
        tokens = to_tags.tokenize(text)
        columns = []
        for some in ([(start, end) for start, end, _ in truth], [(start, end) for _, start, end in spans]):
            starts, ends = [start for start, _ in some], [end for _, end in some]
            columns.append(to_tags.span_to_tag("IO", text, starts, ends, ["PII"] * len(some), tokens=tokens))
        rows += [
            (number, str(token), true, guess, token.idx) for token, true, guess in zip(tokens, *columns, strict=True)
        ]
        hidden = {place for _, start, end in spans for place in range(start, end) if text[place].isalnum()}
        true = set()
        for start, end, entity in truth:
            letters = {place for place in range(start, end) if text[place].isalnum()}
            true |= letters
            entities["all"][entity] += 1
            entities["whole"][entity] += letters <= hidden
            entities["part"][entity] += bool(letters & hidden)
        totals.update(true=len(true), hidden=len(hidden), both=len(true & hidden))
        if not truth:
            totals.update(clean=1, flagged=bool(spans))
    table = pd.DataFrame(rows, columns=["sentence_id", "token", "annotation", "prediction", "start_indices"])
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        result = SpanEvaluator(iou_threshold=IOU).calculate_score_on_df(table, level="pii")
    return Score(
        float(result.pii_recall),
        float(result.pii_precision),
        totals["both"] / max(1, totals["true"]),
        totals["both"] / max(1, totals["hidden"]),
        totals["flagged"],
        totals["clean"],
        int(result.pii_annotated),
        {name: tuple(entities[kind][name] for kind in ("all", "whole", "part")) for name in sorted(entities["all"])},  # type: ignore[misc]
    )
