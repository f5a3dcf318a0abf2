"""The whole chain at a small size, once for all tests of the folder."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from include.artifacts.ref import ArtifactRef
from include.artifacts.store import ArtifactStore
from include.core.settings import settings
from include.data_preparation.aggregate import aggregate
from include.data_preparation.anonymize import anonymize
from include.data_preparation.audit_leaks import audit_leaks
from include.data_preparation.check import check
from include.data_preparation.clean import clean
from include.data_preparation.config import (
    AggregateConfig,
    CheckConfig,
    DataPreparationConfig,
    GenerateTextsConfig,
    SplitConfig,
    SynthesizeConfig,
)
from include.data_preparation.deduplicate import deduplicate
from include.data_preparation.find_boilerplate import find_boilerplate
from include.data_preparation.find_personal_data import find_personal_data
from include.data_preparation.generate_texts import generate_texts
from include.data_preparation.label import label
from include.data_preparation.match import match
from include.data_preparation.sketch import sketch
from include.data_preparation.split import split
from include.data_preparation.synthesize import synthesize
from tests.data_preparation.chat_server import KEY, ChatServer
from tests.data_preparation.sample_charter import sample_charter

SMALL = DataPreparationConfig(
    aggregate=AggregateConfig(
        packages=("httpx", "click"), max_standard_library=400, max_package=60, tickets=160, shards=2
    ),
    generate_texts=GenerateTextsConfig.model_validate(
        {
            "slots": {"team": ["build", "data", "search", "network"], "day": ["Monday", "Friday"]},
            "templates": [
                {"question": "When does the {team} team meet?", "answer": "They sit down together every {day} at ten."},
                {"question": "Whom do I ask about {team}?", "answer": "For {team}, write to the people on duty there."},
            ],
        }
    ),
    synthesize=SynthesizeConfig(rows=160),
    split=SplitConfig(train=150, heldout=24),
    check=CheckConfig(min_train=50, min_heldout=10, min_corpus=100),
)

# the tickets of the sample have all been exported by then
LATER = "2026-06-01T00:00:00+00:00"
USE_CASE = "prepared"


@dataclass(frozen=True)
class Prepared:
    """References to all artifacts of one preparation."""

    aggregated: ArtifactRef
    cleaned: list[ArtifactRef]
    deduplicated: ArtifactRef
    labelled: ArtifactRef
    found: list[ArtifactRef]
    anonymized: list[ArtifactRef]
    synthetic: ArtifactRef
    divided: ArtifactRef
    audits: list[ArtifactRef]
    charter: ArtifactRef
    final: ArtifactRef


def prepare(
    store: ArtifactStore,
    config: DataPreparationConfig,
    licences: list[str] | None,
    use_case: str = USE_CASE,
    as_of: str = LATER,
) -> Prepared:
    """Run all steps in order."""
    shards = range(config.aggregate.shards)
    generated = generate_texts(store, config=config.generate_texts)
    aggregated = aggregate(store, as_of=as_of, config=config.aggregate, generated=generated, use_case=use_case)
    repeated = find_boilerplate(store, source=aggregated, config=config.find_boilerplate)
    cleaned = [clean(store, source=aggregated, shard=shard, config=config.clean, repeated=repeated) for shard in shards]
    partitions = list(shards)
    sketches = [sketch(store, source=ref, partitions=partitions, config=config.deduplicate) for ref in cleaned]
    matches = [
        match(store, sketches=sketches, partition=one, earlier=[], config=config.deduplicate) for one in partitions
    ]
    deduplicated = deduplicate(store, sources=cleaned, sketches=sketches, matches=matches, config=config.deduplicate)
    labelled = label(store, source=deduplicated, use_case=use_case, as_of=as_of, config=config.label)
    found = [find_personal_data(store, source=labelled, shard=shard, config=config.anonymize) for shard in shards]
    anonymized = [
        anonymize(store, source=labelled, shard=shard, found=found, config=config.anonymize) for shard in shards
    ]
    synthetic = synthesize(store, source=aggregated, config=config.synthesize)
    divided = split(store, sources=anonymized, earlier=[], config=config.split)
    audits = [audit_leaks(store, dataset=divided, anonymized=anonymized, part=part) for part in shards]
    charter = sample_charter(store, limits={} if licences is None else {"licences": licences})
    final = check(
        store,
        dataset=divided,
        aggregated=aggregated,
        cleaned=cleaned,
        deduplicated=deduplicated,
        labelled=labelled,
        anonymized=anonymized,
        audits=audits,
        synthetic=synthetic,
        charter=charter,
        config=config.check,
    )
    return Prepared(
        aggregated, cleaned, deduplicated, labelled, found, anonymized, synthetic, divided, audits, charter, final
    )


@pytest.fixture(scope="session")
def prepared(store: ArtifactStore) -> Prepared:
    """A small dataset, prepared whole on a real store."""
    return prepare(store, SMALL, ["PSF-2.0", "BSD-3-Clause", "MIT", "Apache-2.0"])


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[ChatServer], None]]:
    """Makes a server the endpoint that the settings name."""

    def use(server: ChatServer, key: str = KEY) -> None:
        values = {"GENAI_TEXT_ENDPOINT": server.url, "GENAI_TEXT_MODEL": "tiny", "GENAI_TEXT_API_KEY": key}
        for name, value in values.items():
            monkeypatch.setenv(name, value)
        settings.cache_clear()

    yield use
    monkeypatch.undo()
    settings.cache_clear()
