"""The tagger's network: spaCy's pretrained hash embedding and window encoder, and a layer that scores tags."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any

from include.privacy.recognition.features import Batch, pipeline

WIDTH, PIECES = 96, 3


@contextmanager
def one_thread() -> Iterator[None]:
    """Torch on one core inside: these products are too small to gain from more, and lose by waiting for them."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def build(tags: int, members: int = 1) -> Any:
    """A torch module that starts from the pretrained weights; its `forward` gives log-probabilities [tokens, tags].

    Its members read the same embedding and are averaged: each starts from other weights where nothing is pretrained.
    """
    import torch
    from torch import nn

    member = _member()

    class Tagger(nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            nodes = list(pipeline().get_pipe("tok2vec").model.walk())
            hashed = sorted((n for n in nodes if n.name == "hashembed"), key=lambda n: n.attrs["column"])
            self.tables = nn.ModuleList(
                nn.EmbeddingBag.from_pretrained(torch.tensor(n.get_param("E")), mode="sum", freeze=True) for n in hashed
            )
            data = torch.tensor(pipeline().vocab.vectors.data)
            self.register_buffer("vectors", torch.cat([data, torch.zeros(1, data.shape[1])]), persistent=False)
            self.project = nn.Linear(data.shape[1], WIDTH, bias=False)
            self.project.weight.data = torch.tensor(next(n for n in nodes if n.name == "static_vectors").get_param("W"))
            self.members = nn.ModuleList(member(nodes, tags) for _ in range(members))
            for fixed in (self.tables, self.project):
                fixed.requires_grad_(False)

        def forward(self, batch: Batch) -> torch.Tensor:
            rows, found = torch.as_tensor(batch.rows), torch.as_tensor(batch.vectors)
            parts = [table(rows[:, column]) for column, table in enumerate(self.tables)]
            embedded = torch.cat([*parts, self.project(self.vectors[found])], dim=1)
            inside = torch.as_tensor(batch.inside)[:, None]
            scores = [torch.log_softmax(one(embedded, inside), dim=1) for one in self.members]
            return torch.stack(scores).mean(0)

    return Tagger()


@cache
def _member() -> Any:
    import torch
    from torch import nn
    from torch.nn import functional

    class Maxout(nn.Module):  # type: ignore[misc]
        def __init__(self, width: int) -> None:
            super().__init__()
            self.linear = nn.Linear(width, WIDTH * PIECES)
            self.norm = nn.LayerNorm(WIDTH, eps=1e-8)

        def forward(self, values: torch.Tensor) -> torch.Tensor:
            one, two, three = self.linear(values).split(WIDTH, dim=1)
            return self.norm(torch.maximum(torch.maximum(one, two), three))

    class Member(nn.Module):  # type: ignore[misc]
        def __init__(self, nodes: list[Any], tags: int) -> None:
            super().__init__()
            maxouts = [n for n in nodes if n.name == "maxout"]
            norms = [n for n in nodes if n.name == "layernorm"]
            self.mix, *layers = (_pretrained(Maxout, a, b) for a, b in zip(maxouts, norms, strict=True))
            self.layers = nn.ModuleList(layers)
            self.hidden = Maxout(WIDTH)
            self.score = nn.Linear(WIDTH, tags)
            self.dropout = nn.Dropout(0.2)

        def forward(self, embedded: torch.Tensor, inside: torch.Tensor) -> torch.Tensor:
            values = self.dropout(self.mix(embedded)) * inside
            for layer in self.layers:
                padded = functional.pad(values, (0, 0, 1, 1))
                values = values + self.dropout(layer(torch.cat([padded[:-2], padded[1:-1], padded[2:]], dim=1)))
            return self.score(self.dropout(self.hidden(values)))

    return Member


def joined(networks: Sequence[Any]) -> Any:
    """One network with the members of `networks`."""
    members = [member for network in networks for member in network.members]
    whole = build(members[0].score.out_features, 0)
    whole.members.extend(members)
    return whole.eval()


def _pretrained(kind: Any, linear: Any, norm: Any) -> Any:
    import torch

    weight = torch.tensor(linear.get_param("W")).transpose(0, 1)  # thinc keeps the pieces of a unit together
    made = kind(weight.shape[2])
    made.linear.weight.data = weight.reshape(-1, weight.shape[2])
    made.linear.bias.data = torch.tensor(linear.get_param("b")).T.reshape(-1)
    made.norm.weight.data = torch.tensor(norm.get_param("G"))
    made.norm.bias.data = torch.tensor(norm.get_param("b"))
    return made
