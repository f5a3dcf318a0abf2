"""Write questions and answers for the dataset, from templates and by a model; all of them marked as generated."""

from typing import Any

from include.artifacts.manifest import sha256_of
from include.artifacts.report import Report
from include.artifacts.step import Workspace, step
from include.artifacts.store import ArtifactStore
from include.core.errors import SourceError
from include.core.settings import settings
from include.data_preparation.config import GenerateTextsConfig
from include.data_preparation.config.sources import BY_ENDPOINT, BY_TEMPLATES
from include.data_preparation.documents import Document, shard_name, write_rows
from include.data_preparation.synthesis.text_answers import Written, ask_all, check_usable
from include.data_preparation.synthesis.text_endpoint import Address
from include.data_preparation.synthesis.text_grammar import template_pairs


def observed(_: ArtifactStore, config: GenerateTextsConfig) -> dict[str, Any]:
    """The endpoint and model that answer; nothing where there is no prompt.

    ConfigurationError where there are prompts and no endpoint.
    """
    if not config.prompts:
        return {}
    address = Address.of(settings())
    return {"endpoint": address.url, "model": address.model}


@step("dataset", observes=observed)
def generate_texts(work: Workspace, config: GenerateTextsConfig) -> None:
    """One shard of documents: the title is the question, the text its answer, the source the kind of generator.

    The endpoint is asked once for each request, ever (text_answers). The metrics count answers that are not used by
    reason; SourceError where too few are.
    """
    made = [
        Document(
            f"{BY_TEMPLATES}:{sha256_of([question])[:16]}",
            BY_TEMPLATES,
            question,
            answer,
            config.template_license,
            True,
        )
        for question, answer in template_pairs(config)
    ]
    written, location, model = Written(), "", ""
    if config.prompts:
        address = Address.of(settings())
        location, model = address.url, address.model
        written = ask_all(work.store.bucket, address, config, work.log)
        if reasons := check_usable(written, config):
            raise SourceError(
                "data_preparation.generate_texts.prompts",
                f"{len(written.pairs)} of {written.answers} answers",
                f"fewer than {config.min_accepted_share:.0%} are usable: {', '.join(reasons)}",
                "Correct the prompts or system, choose another seed to ask anew, or lower min_accepted_share",
            )
        made += [
            Document(f"{BY_ENDPOINT}:{digest[:16]}", BY_ENDPOINT, question, answer, config.license, True)
            for digest, (question, answer) in written.pairs.items()
        ]
    write_rows(work.output / shard_name(0), Document, made)
    work.metrics.update(
        documents=len(made),
        answers=written.answers,
        tokens=written.tokens,
        odd=dict(sorted(written.odd.items())),
        model=model,
        location=location,
    )
    _report(work, made)


def _report(work: Workspace, made: list[Document]) -> None:
    kinds = {kind: [one for one in made if one.source == kind] for kind in (BY_TEMPLATES, BY_ENDPOINT)}
    page = Report("Generated texts").text(
        "Nobody asked these questions: they are marked as generated, their share in training is limited, and they are "
        "never used to evaluate." + (f" Model: {work.metrics['model']}." if work.metrics["model"] else "")
    )
    page.bars({kind: len(found) for kind, found in kinds.items()}, "Texts by generator")
    page.bars(work.metrics["odd"], "Answers that are not used, by reason")
    for kind, found in kinds.items():
        page.table(["question", "answer"], [(one.title, one.text) for one in found[:20]], f"Some by {kind}")
    page.write(work.output)
