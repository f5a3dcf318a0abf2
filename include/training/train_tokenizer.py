"""Train a byte-level BPE tokenizer on the dataset's texts."""

from collections.abc import Iterator

from include.artifacts.ref import ArtifactRef
from include.artifacts.report import Report
from include.artifacts.step import Workspace, step
from include.training.config.tokens import TokenizerConfig
from include.training.documents import Documents, place_of
from include.training.tokenizer import build_tokenizer, save_tokenizer


@step("tokenizer")
def train_tokenizer(work: Workspace, dataset: ArtifactRef, config: TokenizerConfig) -> None:
    """Write tokenizer.json and tokenizer_config.json, with ChatML's special tokens and template.

    The corpus is streamed; of one above `config.megabytes`, texts from all of it are taken, by their ids. Metrics:
    vocabulary, the texts it was trained on, and characters a token.
    """
    documents = Documents(work, dataset, share=0)
    share = min(1.0, config.megabytes * 1e6 / max(1, documents.corpus_bytes))
    texts = _Counted(documents, share)
    tokenizer = build_tokenizer(iter(texts), config.vocabulary)
    save_tokenizer(tokenizer, work.output)
    work.metrics["vocabulary"] = len(tokenizer)
    work.metrics |= {"texts": texts.count, "characters": texts.characters}
    work.metrics["characters_per_token"] = round(_characters_per_token(tokenizer, documents), 2)
    Report("Tokenizer").table(["figure", "value"], list(work.metrics.items())).table(
        ["knob", "value"], list(config.model_dump().items()), "Configuration"
    ).write(work.output)


class _Counted:
    """What is trained on: questions with their answers, and the texts of the share."""

    def __init__(self, documents: Documents, share: float) -> None:
        self.documents, self.share = documents, share
        self.count = self.characters = 0

    def __iter__(self) -> Iterator[str]:
        for document in self.documents.texts():
            if not document.kept and place_of("tokenizer", document.id) < self.share:
                yield self._counted(document.text)
        for document in self.documents.pairs():
            if not document.kept:
                yield self._counted(f"{document.question}\n{document.answer}")

    def _counted(self, text: str) -> str:
        self.count += 1
        self.characters += len(text)
        return text


def _characters_per_token(tokenizer: object, documents: Documents) -> float:
    """Of the first texts of the corpus."""
    from itertools import islice

    texts = [document.text for document in islice(documents.texts(), 200)]
    tokens = sum(len(ids) for ids in tokenizer(texts, add_special_tokens=False)["input_ids"])  # type: ignore[operator]
    return sum(map(len, texts)) / max(1, tokens)
