"""Held-out questions, asked to champion and candidate alike through Triton."""

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import NamedTuple

from include.artifacts.manifest import sha256_of
from include.artifacts.ref import ArtifactRef
from include.artifacts.store import ArtifactStore
from include.core.errors import ArtifactNotFoundError, ModelError, TransientError
from include.evaluation.agreement import chrf
from include.inferencing import fleet
from include.inferencing.champion import Serving
from include.inferencing.config import DeployConfig
from include.inferencing.deaths import Deaths
from include.inferencing.gateway.attempt import failure_of
from include.inferencing.gateway.backends.openvino import OpenVino
from include.inferencing.rollout.decide import Observed
from include.inferencing.traffic import Times
from include.inferencing.triton_client import ANSWERS, TritonClient

HELD_OUT = "heldout.parquet"


class Question(NamedTuple):
    """A question, and its reference answer where it has one."""

    text: str
    reference: str = ""


@dataclass
class Probed:
    """What the probes of one rollout have shown so far."""

    candidate: Observed = field(default_factory=Observed)
    champion: Observed = field(default_factory=Observed)
    pairs: dict[str, tuple[float, float]] = field(default_factory=dict)
    """Question -> chrF of the champion's answer and of the candidate's."""
    deaths: dict[tuple[str, str], Deaths] = field(default_factory=dict)
    """Model and server -> of its copy there."""

    def add(self, answered: "Answered", *, is_candidate: bool) -> None:
        """Count what one question has shown; in the order in which they ended."""
        deaths, seen = self.deaths.setdefault((answered.model, answered.address), Deaths()), answered.observed
        if answered.text is not None:
            deaths.answered()
        if answered.killed:
            deaths.died(killed=True)
            seen = Observed(1, 1) if deaths.blame() else seen
        if is_candidate:
            self.candidate += seen
        else:
            self.champion += seen


class Answered(NamedTuple):
    """One answer, and when it ended; `text` is None where there is none, `killed` where its model was gone."""

    model: str
    address: str
    at: float
    text: str | None
    observed: Observed
    killed: bool = False


def questions(store: ArtifactStore, candidate: Serving, config: DeployConfig) -> list[Question]:
    """Questions of the dataset that the candidate's gate judged it by; the smoke question where it names none."""
    found: list[Question] = []
    dataset = store.manifest(candidate.gate).inputs.get("dataset") if candidate.gate else None
    if isinstance(dataset, ArtifactRef):
        found = _held_out(store, dataset, config.probes)
    found = found or [Question(config.question)]
    return [found[number % len(found)] for number in range(config.probes)]


def ask_both(
    asked: Sequence[Question], candidate: str, champion: str | None, config: DeployConfig, probed: Probed
) -> None:
    """Put each question to both models, one after the other, on the live servers in turn, and add up what is seen."""
    servers = fleet.live()

    def both(number: int) -> dict[str, Answered]:
        address, text = servers[number % len(servers)], asked[number].text
        order = [champion, candidate] if number % 2 else [candidate, champion]
        return {model: _ask(address, model, text, config) for model in order if model}

    with ThreadPoolExecutor(config.probes_at_once) as pool:
        answered = list(pool.map(both, range(len(asked))))
    for one in sorted((one for said in answered for one in said.values()), key=lambda one: one.at):
        probed.add(one, is_candidate=one.model == candidate)
    for question, said in zip(asked, answered, strict=True):
        its, champions = said[candidate].text, said[champion].text if champion else None
        if question.reference and its is not None and champions is not None:
            before, after = (chrf(text, question.reference) for text in (champions, its))
            probed.pairs[question.text] = (before, after)


def _held_out(store: ArtifactStore, dataset: ArtifactRef, count: int) -> list[Question]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        data = store.read(dataset, HELD_OUT)
    except ArtifactNotFoundError:
        return []
    rows = pq.read_table(pa.BufferReader(data), columns=["id", "question", "answer"]).to_pylist()
    chosen = sorted(rows, key=lambda row: sha256_of(row["id"]))[:count]
    return [Question(row["question"], row["answer"]) for row in chosen]


def _ask(address: str, model: str, question: str, config: DeployConfig) -> Answered:
    """The model's answer; nothing is observed where the server or its copy of the model has gone."""
    started = last = time.monotonic()
    first, gaps, pieces = Times(), Times(), list[str]()
    try:
        with TritonClient(address) as triton:
            for piece in triton.stream(model, question, config.max_tokens, config.answer_seconds):
                moment = time.monotonic()
                if piece.text and not pieces:
                    first.add(moment - started)
                elif pieces and piece.tokens:
                    gaps.add((moment - last) / piece.tokens, piece.tokens)
                pieces += [piece.text] if piece.text else []
                last = moment
    except (ModelError, TransientError) as error:
        failure = failure_of(error.problem.removeprefix(ANSWERS), OpenVino())
        gone = failure.killed or failure.code in ("not_ready", "unloading") or not fleet.is_live(address)
        seen = Observed() if gone else Observed(1, 1, first, gaps)
        return Answered(model, address, time.monotonic(), None, seen, failure.killed)
    text = "".join(pieces)
    return Answered(model, address, time.monotonic(), text, Observed(1, int(not text.strip()), first, gaps))
