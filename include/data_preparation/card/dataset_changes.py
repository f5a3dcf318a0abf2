"""What differs between two finished datasets: records by source, and how far the shares of anything have moved."""

import hashlib
import heapq
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import NamedTuple

from include.data_preparation.card.card_figures import text_of
from include.data_preparation.card.data_card import DataCard
from include.data_preparation.row_files import RowFile

SPLITS = ("train", "heldout", "corpus")


class RecordChange(NamedTuple):
    """How many records of a source are new, gone, changed and the same."""

    split: str
    source: str
    added: int
    removed: int
    changed: int
    same: int


class Shift(NamedTuple):
    """How far shares have moved, from 0 (the same) to 1 (nothing in common), and what came and went."""

    what: str
    divergence: float
    new: tuple[str, ...]
    gone: tuple[str, ...]


def record_changes(before: Path, after: Path) -> list[RecordChange]:
    """Rows by split and source; a record is the same where id and text are.

    Both are read side by side in the order of their ids: none is held but those of questions.
    """
    changes = []
    for split in SPLITS:
        counts: dict[str, Counter[str]] = {}
        sides = (_digests(folder, split, now) for folder, now in ((before, False), (after, True)))
        for _, group in groupby(heapq.merge(*sides), key=itemgetter(0)):
            # the later of two rows of an id is that of now
            *earlier, (_, now, source, digest) = group
            kind = "added" if now else "removed"
            if earlier:
                kind = "same" if earlier[0][-1] == digest else "changed"
            counts.setdefault(source, Counter())[kind] += 1
        for source, found in sorted(counts.items()):
            changes.append(RecordChange(split, source, *(found[name] for name in RecordChange._fields[2:])))
    return changes


def shifts(before: DataCard, after: DataCard) -> list[Shift]:
    """Shares of labels, lengths, languages, licences and kinds of personal data, before and now."""
    old, new = _shares(before), _shares(after)
    return [shift(name, old.get(name, {}), new.get(name, {})) for name in sorted(old.keys() | new.keys())]


def shift(what: str, before: Mapping[str, float], after: Mapping[str, float]) -> Shift:
    """Jensen-Shannon divergence to base 2 of two sets of counts (Lin 1991, doi:10.1109/18.61115)."""
    from scipy.spatial.distance import jensenshannon

    names = sorted(before.keys() | after.keys())
    old, new = ([counts.get(name, 0) for name in names] for counts in (before, after))
    if not sum(old) or not sum(new):
        divergence = float(bool(sum(old)) != bool(sum(new)))
    else:
        divergence = float(jensenshannon(old, new, base=2)) ** 2
    there, here = ({name for name, count in counts.items() if count} for counts in (before, after))
    return Shift(what, round(divergence, 4), tuple(sorted(here - there)), tuple(sorted(there - here)))


def gates_moved(before: DataCard, after: DataCard) -> list[tuple[str, str, str, bool | str]]:
    """Name, measured before, measured now and whether it is passed, of each gate of either dataset."""
    old, new = ({gate.name: gate for gate in card.gates} for card in (before, after))
    return [
        (
            name,
            old[name].measured if name in old else "not measured",
            new[name].measured if name in new else "not measured",
            new[name].passed if name in new else "",
        )
        for name in dict.fromkeys([*new, *old])
    ]


def sources_moved(before: DataCard, after: DataCard) -> list[tuple[str, int, int, str]]:
    """Name, records before, records now and what became of it, of each source of either dataset."""
    old, new = ({source.name: source for source in card.sources} for card in (before, after))
    rows = []
    for name in dict.fromkeys([*new, *old]):
        if name not in old or name not in new:
            became = "new" if name in new else "gone"
        else:
            became = "the same" if old[name].digest == new[name].digest else "changed"
        earlier, now = (found[name].records if name in found else 0 for found in (old, new))
        rows.append((name, earlier, now, became))
    return rows


def _shares(card: DataCard) -> dict[str, Mapping[str, float]]:
    found: dict[str, Mapping[str, float]] = {
        "languages of cleaned documents": card.languages,
        "kinds of personal data": card.personal_data.replaced,
    }
    for name, split in card.splits.items():
        (words,) = (lengths for lengths in split.lengths if lengths.unit == "words")
        bounds: Sequence[float] = (*words.bounds, float("inf"))
        found[f"lengths of {name}"] = {
            f"≤ {bound:g} words": count for bound, count in zip(bounds, words.counts, strict=True)
        }
        found[f"licences of {name}"] = split.licences
        found[f"sources of {name}"] = split.sources
        if split.labels:
            found[f"labels of {name}"] = split.labels
    return found


def _digests(folder: Path, split: str, now: bool) -> Iterable[tuple[str, bool, str, bytes]]:
    """Id, whether it is of now, source, and what differs where a text does, by id."""
    found = (
        (str(row["id"]), now, str(row["source"]), hashlib.blake2b(text_of(row).encode(), digest_size=16).digest())
        for row in RowFile(folder / f"{split}.parquet")
    )
    # the corpus lies in this order
    return found if split == "corpus" else sorted(found)
