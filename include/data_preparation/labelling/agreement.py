"""How far annotators agree beyond chance: Cohen's kappa for two, Krippendorff's alpha for more."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence

from pydantic import BaseModel, ConfigDict, Field

from include.data_preparation.labelling.annotations import Annotation, standing

LEAST = 2


class Agreement(BaseModel):
    """Agreement on documents that several people have labelled, 1 at most; null where chance explains everything."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    measure: str = Field(description="Cohen's kappa, Krippendorff's alpha, or empty.")
    annotators: int
    documents: int = Field(description="Documents that two or more people have labelled.")
    value: float | None
    by_label: dict[str, float | None] = Field(description="This label against all others.")

    @property
    def words(self) -> str:
        """One line for people."""
        if not self.documents:
            return "No document was labelled by two people."
        value = "not defined: all labels are the same" if self.value is None else f"{self.value:.3f}"
        return f"{self.measure} {value}, {self.annotators} annotators, {self.documents} documents labelled by several"


def agreement(annotations: Iterable[Annotation]) -> Agreement:
    """Of the standing annotations of texts that two or more people have labelled."""
    texts: dict[tuple[str, str], dict[str, str]] = defaultdict(dict)
    for one in standing(annotations):
        texts[one.document, one.digest][one.annotator] = one.label
    several = [said for said in texts.values() if len(said) >= LEAST]
    people = sorted({name for said in several for name in said})
    measure, of = ("Cohen's kappa", _kappa) if len(people) == LEAST else ("Krippendorff's alpha", _alpha)
    labels = sorted({label for said in several for label in said.values()})
    return Agreement(
        measure=measure if several else "",
        annotators=len(people),
        documents=len(several),
        value=_beyond_chance(several, of),
        by_label={label: _beyond_chance(_against_the_rest(several, label), of) for label in labels},
    )


def _beyond_chance(texts: Sequence[dict[str, str]], of: Callable[[Sequence[dict[str, str]]], float]) -> float | None:
    if len({label for said in texts for label in said.values()}) < LEAST:
        return None
    return round(of(texts), 4)


def _against_the_rest(texts: Sequence[dict[str, str]], label: str) -> list[dict[str, str]]:
    return [{name: "yes" if one == label else "no" for name, one in said.items()} for said in texts]


def _kappa(texts: Sequence[dict[str, str]]) -> float:
    from sklearn.metrics import cohen_kappa_score

    first, second = sorted({name for said in texts for name in said})
    return float(cohen_kappa_score([said[first] for said in texts], [said[second] for said in texts]))


def _alpha(texts: Sequence[dict[str, str]]) -> float:
    import pandas
    from crowdkit.metrics.data import alpha_krippendorff

    rows = [(task, name, label) for task, said in enumerate(texts) for name, label in said.items()]
    return float(alpha_krippendorff(pandas.DataFrame(rows, columns=["task", "worker", "label"])))
