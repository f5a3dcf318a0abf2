"""Repair and tidy the texts of one shard, and drop those that are no use, each with its reason."""

import re
from collections import Counter
from dataclasses import replace

from include.artifacts.ref import ArtifactRef
from include.artifacts.report import Report
from include.artifacts.step import Workspace, step
from include.data_preparation.config import CleanConfig
from include.data_preparation.documents import (
    DROPPED,
    PLANTED,
    Document,
    Dropped,
    read_documents,
    read_planted,
    shard_name,
    write_planted,
    write_rows,
)
from include.data_preparation.quality import verdict
from include.data_preparation.secrets import redact

_ROLE = re.compile(r":[\w:+-]+:`[~.!]*(?:_\w+\.)?([^`<]*?)(?:\s*<[^`>]*>)?`")
_LINK = re.compile(r"`([^`<]+?)\s*<[^`>]*>`__?")
_DIRECTIVE = re.compile(
    r"(?m)^([ \t]*)\.\. (?:versionadded|versionchanged|deprecated|seealso|index|module|currentmodule|highlight|_)"
    r"[^\n]*(?:\n(?:\1[ \t]+[^\n]*|[ \t]*(?=\n\1[ \t]+\S)))*"
)
_ADMONITION = re.compile(r"(?m)^([ \t]*)\.\. (?:[\w-]+:)?([\w-]+)::[ \t]*")
_UNDERLINED = re.compile(r"(?m)^[^\n]{1,120}\n([=*~^\"'-])\1{3,}[ \t]*(?:\n|$)")
# mkdocs: pages to read elsewhere, markers of notes, and links
_ABSTRACT = re.compile(r"(?m)^([ \t]*)!!! abstract[^\n]*(?:\n\1[ \t]+[^\n]*)*\n?")
_NOTE = re.compile(r"(?m)^[ \t]*!!! \w+[^\n]*\n?")
_MARKDOWN_LINK = re.compile(r"(?<![\w\])])\[(`[^`\n]+`|[A-Za-z][\w .-]*)\](?:\[[\w.]*\]|\((?:https?:|\.\./)[^()\s]*\))")
_RULE = re.compile(r"(?m)^[ \t]*([=*~^_#-])\1{4,}[ \t]*$\n?")


def tidy(text: str) -> str:
    """Text without encoding damage, markup of reST and mkdocs, headings' rules and stray whitespace."""
    import ftfy

    text = ftfy.fix_text(text, normalization="NFC").replace("\t", "    ").replace("\x00", "")
    text = _NOTE.sub("", _ABSTRACT.sub("", text))
    text = _DIRECTIVE.sub("", text)
    text = _ADMONITION.sub(r"\1", text)
    text = _UNDERLINED.sub("", text)
    text = _RULE.sub("", text)
    text = _MARKDOWN_LINK.sub(r"\1", text)
    text = _LINK.sub(r"\1", _ROLE.sub(r"`\1`", text)).replace("``", "`")
    text = re.sub(r"::[ \t]*$", ":", text, flags=re.MULTILINE)
    text = re.sub(r"[ \t]+$", "", text, flags=re.MULTILINE)
    return re.sub(r"\n{3,}", "\n\n", text).strip()


@step("dataset")
def clean(work: Workspace, source: ArtifactRef, shard: int, config: CleanConfig) -> None:
    """Shard `shard` of the aggregated documents, tidied, filtered and without secrets; metrics count these by kind."""
    documents = read_documents(work.fetch(source, only=shard_name(shard)) / shard_name(shard))
    kept: list[Document] = []
    dropped: list[Dropped] = []
    secrets: Counter[str] = Counter()
    for document in documents:
        text = tidy(document.text)
        answer = verdict(text, config)
        if answer is True:
            kept.append(replace(document, title=redact(document.title, secrets), text=redact(text, secrets)))
        else:
            dropped.append(Dropped(document.id, document.source, "clean", str(answer)))
    write_rows(work.output / shard_name(0), Document, kept)
    write_rows(work.output / DROPPED, Dropped, dropped)
    write_planted(work.output, read_planted(work.fetch(source, only=PLANTED)), kept)
    reasons = Counter(row.reason.partition(":")[0] for row in dropped)
    work.metrics.update(documents=len(kept), dropped=len(dropped), raw=len(documents), shards=1)
    work.metrics.update(reasons=dict(reasons.most_common()), secrets=dict(sorted(secrets.items())))
    Report(f"Cleaning, shard {shard}").bars({"read": len(documents), "kept": len(kept)}, "Documents").bars(
        work.metrics["reasons"], "Dropped, by reason"
    ).bars(work.metrics["secrets"], "Secrets removed, by kind").table(
        ["document", "reason"], [(row.id, row.reason) for row in dropped[:50]], "The first that were dropped"
    ).write(work.output)
