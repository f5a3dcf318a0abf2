"""What the final dataset has to fulfil: each gate says what was measured, what is allowed, and whether it holds."""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

from pydantic import BaseModel, ConfigDict

from include.data_preparation.config import CheckConfig
from include.data_preparation.config.sources import GENERATORS
from include.data_preparation.privacy.leak_audit import PROVEN, Audit
from include.data_preparation.row_files import Rows
from include.evaluation.contamination.phrases import PhraseIndex
from include.evaluation.contamination.protected import telltale
from include.evaluation.contamination.words import normalized, words_of
from include.evaluation.trained_on import is_allowed
from include.privacy.secrets import count_secrets

NAMES = ("PERSON", "STREET_ADDRESS")
SHOWN = 20  # licences


@dataclass(frozen=True)
class Gate:
    """One condition on the dataset."""

    name: str
    measured: str
    allowed: str
    passed: bool
    private: bool = False
    """Where it is not passed, no text of the dataset is shown."""


class _Limits(BaseModel):
    model_config = ConfigDict(extra="ignore")
    licences: list[str] | None = None


class CharterLimits(BaseModel):
    """The part of the charter that bounds the data."""

    model_config = ConfigDict(extra="ignore")
    limits: _Limits = _Limits()


@dataclass(frozen=True)
class Leak:
    """A planted value that still stands in the final dataset."""

    document: str
    entity: str


def size_gates(train: Rows, heldout: Rows, corpus: Rows, config: CheckConfig) -> list[Gate]:
    """Enough of everything."""
    return [
        Gate(f"{name} size", str(len(rows)), f"at least {least}", len(rows) >= least)
        for name, rows, least in (
            ("train", train, config.min_train),
            ("heldout", heldout, config.min_heldout),
            ("corpus", corpus, config.min_corpus),
        )
    ]


def content_gates(train: Rows, heldout: Rows, corpus: Rows, config: CheckConfig) -> list[Gate]:
    """Nothing empty, nothing held out that training sees, generated rows in their place."""
    empty = sum(not row["question"].strip() or not row["answer"].strip() for row in chain(train, heldout))
    held = PhraseIndex(map(telltale, heldout))
    seen = sum(bool(held.find(words_of(row["text"]))) for row in corpus)
    return [
        _none("empty questions or answers", empty),
        _none("questions in train and heldout", _shared(lambda row: str(row["question"]), train, heldout)),
        _none("answers in train and heldout", _shared(telltale, train, heldout)),
        _none("corpus texts with a held-out answer", seen),
        _none("generated questions in heldout", _made(heldout).total()),
        *_generated_gates("train", train, config),
        *_generated_gates("the corpus", corpus, config),
    ]


def _shared(told: Callable[[Mapping[str, Any]], str], train: Rows, heldout: Rows) -> int:
    held = {normalized(told(row)) for row in heldout}
    return len({text for row in train if (text := normalized(told(row))) in held})


def _generated_gates(name: str, rows: Rows, config: CheckConfig) -> list[Gate]:
    made, size = _made(rows), max(1, len(rows))
    most = max(made.values(), default=0) / size
    return [
        _most(f"generated share of {name}", made.total() / size, config.max_generated_share),
        _most(f"share of one generator in {name}", most, config.max_generated_source_share),
    ]


def _made(rows: Rows) -> Counter[str]:
    """How many rows nobody wrote, by source: by their mark, or by where they come from."""
    return Counter(str(row["source"]) for row in rows if row["generated"] or row["source"] in GENERATORS)


def licence_gates(tables: Iterable[Rows], charter: CharterLimits) -> list[Gate]:
    """Every licence is one that the charter allows; no gate where it names none."""
    allowed = charter.limits.licences
    if allowed is None:
        return []
    used = {str(row["license"]) for row in chain.from_iterable(tables)}
    foreign = sorted(name for name in used if not is_allowed(name, allowed))
    told = ", ".join(foreign[:SHOWN]) + (f" and {len(foreign) - SHOWN} others" if len(foreign) > SHOWN else "")
    return [Gate("licences outside the charter", told or "none", ", ".join(allowed), not foreign)]


def privacy_gates(leaks: Sequence[Leak], planted: int, config: CheckConfig) -> list[Gate]:
    """How much of the planted personal data is still there."""
    names = sum(leak.entity in NAMES for leak in leaks)
    return [
        Gate(
            "planted numbers and mail addresses left",
            str(len(leaks) - names),
            f"at most {config.max_leaked_numbers}",
            len(leaks) - names <= config.max_leaked_numbers,
            private=True,
        ),
        replace(
            _most("share of planted names and addresses left", names / max(1, planted), config.max_leaked_share),
            private=True,
        ),
    ]


def audit_gates(audit: Audit, config: CheckConfig) -> list[Gate]:
    """What a second look by other means finds: numbers by kind, and names that were removed elsewhere."""
    kinds = ", ".join(f"{count} {kind}" for kind, count in audit.by_entity.items() if kind in PROVEN)
    return [
        Gate(
            "audit: numbers and mail addresses left",
            kinds or f"none in {audit.texts} texts",
            f"at most {config.max_leaked_numbers}",
            audit.numbers <= config.max_leaked_numbers,
            private=True,
        ),
        replace(
            _most(
                "audit: texts with a name or address removed elsewhere",
                audit.texts_with_known_names / max(1, audit.texts),
                config.max_leaked_share,
            ),
            private=True,
        ),
    ]


def secret_gate(tables: Iterable[Rows]) -> Gate:
    """No key, token or password in what is published: what other steps add or join is looked at again."""
    left: Counter[str] = Counter()
    for row in chain.from_iterable(tables):
        for name in ("question", "answer", "text", "chosen", "rejected"):
            left.update(count_secrets(str(row.get(name, ""))))
    kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(left.items()))
    return Gate("secrets left", kinds or "none", "none", not left, private=True)


def agreement_gates(measured: float | None, config: CheckConfig) -> list[Gate]:
    """Annotators agree beyond chance; no gate where the configuration asks for none."""
    least = config.min_agreement
    if least is None:
        return []
    told = "not measured: no document was labelled by two people" if measured is None else f"{measured:.3f}"
    return [Gate("agreement between annotators", told, f"at least {least}", measured is not None and measured >= least)]


def synthetic_gates(metrics: Mapping[str, Any], config: CheckConfig) -> list[Gate]:
    """The synthetic tables look like their source, keep its rules and tell nothing of its records; no gate without."""
    if not metrics["tables"]:
        return []
    quality, least = float(metrics["quality"]), config.min_synthetic_quality
    broken = {rule: count for rule, count in metrics["broken"].items() if count}
    text = "; ".join(f"{count} rows: {rule}" for rule, count in broken.items())
    worst = {
        name: max(float(found[name]) for found in metrics["privacy"].values())
        for name in ("closer_low", "attack_low", "near_low", "copied_share")
    }
    closer, attack = config.max_closer_to_seen, config.max_attack_auc
    return [
        Gate("quality of the synthetic tables", f"{quality:.3f}", f"at least {least}", quality >= least),
        Gate("synthetic rows that break a rule", text or "0", "0", not broken),
        _most("share of sampled rows rejected", float(metrics["rejected_share"]), config.max_rejected_share),
        Gate(
            "synthetic rows closest to a record the model has seen",
            f"at least {worst['closer_low']:.3f}",
            f"lower bound at most {closer}",
            worst["closer_low"] <= closer,
        ),
        Gate(
            "membership inference from the synthetic tables, AUC",
            f"at least {worst['attack_low']:.3f}",
            f"lower bound at most {attack}",
            worst["attack_low"] <= attack,
        ),
        Gate(
            "synthetic rows that are near copies of a record seen",
            f"at least {worst['near_low']:.2%}",
            f"lower bound at most {config.max_near_copies:.0%}",
            worst["near_low"] <= config.max_near_copies,
        ),
        _most("share of synthetic rows copied", worst["copied_share"], config.max_copied_share),
    ]


def loss_gate(raw: int, ready: int, config: CheckConfig) -> Gate:
    """Not too much was lost on the way."""
    return _most("share of documents dropped", 1 - ready / max(1, raw), config.max_dropped_share)


def find_leaks(planted: Mapping[str, Any], tables: Iterable[Rows]) -> list[Leak]:
    """Planted values that stand in a text of their own document, in whichever table."""
    found: set[tuple[str, str, str]] = set()
    for row in chain.from_iterable(tables):
        values = planted[row["id"]]["personal"] if row["id"] in planted else ()
        text = " ".join(word for name in ("question", "answer", "text") for word in str(row.get(name, "")).split())
        for item in values:
            if re.search(rf"(?<!\w){re.escape(' '.join(item['value'].split()))}(?!\w)", text):
                found.add((row["id"], item["entity"], item["value"]))
    return [Leak(document, entity) for document, entity, _ in sorted(found)]


def _none(name: str, count: int) -> Gate:
    return Gate(name, str(count), "0", count == 0)


def _most(name: str, share: float, most: float) -> Gate:
    return Gate(name, f"{share:.2%}", f"at most {most:.0%}", share <= most)
