"""The leak audit of whole tables, a row at a time, and the documents that it finds something in."""

import hashlib
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from itertools import chain
from typing import Any

from include.data_preparation.privacy.leak_audit import Audit, texts_of
from include.data_preparation.row_files import Rows

TABLES = ("train.parquet", "heldout.parquet", "corpus.parquet")
AUDITED = (*TABLES, "feedback_pairs.parquet")
LEAKING = "leaking.json"
FOUND = ("shapes", "presidio", "known")


def audit_tables(
    tables: Iterable[Rows], sources: Collection[str], look: Callable[[list[str]], Audit]
) -> tuple[Audit, set[str]]:
    """What `look` finds in the texts of the rows that come from `sources`, and the ids of the documents it is found in.

    Texts of questions count once, wherever they stand; texts of the corpus differ from one another.
    """
    texts = named = 0
    counts: dict[str, Counter[str]] = {name: Counter() for name in FOUND}
    asked: set[bytes] = set()
    leaking: set[bytes] = set()
    documents: set[str] = set()
    for row in chain.from_iterable(tables):
        for text in texts_of([[row]], sources):
            key = hashlib.blake2b(text.encode(), digest_size=16).digest()
            if key not in asked:
                found = look([text])
                texts, named = texts + 1, named + found.texts_with_known_names
                for name, count in counts.items():
                    count.update(getattr(found, name))
                leaking.update({key} if found.by_entity else ())
                asked.update({key} if "question" in row else ())
            if key in leaking:
                documents.add(row["id"])
    shapes, presidio, known = (dict(sorted(counts[name].items())) for name in FOUND)
    return Audit(texts, shapes, presidio, known, named), documents


def joined(parts: Sequence[Mapping[str, Any]]) -> Audit:
    """What the audits of all parts found together, from their metrics."""
    totals = {name: Counter[str]() for name in FOUND}
    for part in parts:
        for name, total in totals.items():
            total.update(part[name])
    shapes, presidio, known = (dict(sorted(totals[name].items())) for name in FOUND)
    texts, named = (sum(int(part[name]) for part in parts) for name in ("texts", "texts_with_known_names"))
    return Audit(texts, shapes, presidio, known, named)
