"""How far annotators agree beyond chance: Cohen's kappa for two, Krippendorff's alpha for more."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence

from pydantic import BaseModel, ConfigDict, Field

from include.data_preparation.labelling.annotations import Annotation, standing

LEAST = 2


class Agreement(BaseModel):
    """Agreement on documents that several people have labelled, 1 at most; null where chance explains everything."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    taxonomy: str = Field("", description="Whose labels they chose among.")
    measure: str = Field("", description="Cohen's kappa, Krippendorff's alpha, or empty.")
    annotators: int = 0
    documents: int = Field(0, description="Documents that two or more people have labelled.")
    value: float | None = None
    by_label: dict[str, float | None] = Field({}, description="Taxonomy and label: this label against all others.")

    @property
    def words(self) -> str:
        """One line for people."""
        if not self.documents:
            return "No document was labelled by two people."
        value = "not defined, all labels are the same" if self.value is None else f"{self.value:.3f}"
        told = f"{self.measure} {value}, {self.annotators} annotators, {self.documents} documents labelled by several"
        return f"{self.taxonomy}: {told}" if self.taxonomy else told


def agreements(annotations: Iterable[Annotation]) -> list[Agreement]:
    """Of each taxonomy in which two or more people have labelled the same texts: chance differs with the labels."""
    texts: dict[str, dict[tuple[str, str], dict[str, str]]] = defaultdict(lambda: defaultdict(dict))
    for one in standing(annotations):
        texts[one.taxonomy][one.document, one.digest][one.annotator] = one.label
    found = [
        _agreement(name, [said for said in of.values() if len(said) >= LEAST]) for name, of in sorted(texts.items())
    ]
    return [one for one in found if one.documents]


def overall(found: Sequence[Agreement]) -> Agreement:
    """The taxonomy that people agree on least, with the labels of all."""
    if not found:
        return Agreement()
    lowest = min(found, key=lambda one: (one.value is None, one.value))
    return lowest.model_copy(
        update={"by_label": {name: value for one in found for name, value in one.by_label.items()}}
    )


def _agreement(taxonomy: str, several: Sequence[dict[str, str]]) -> Agreement:
    people = sorted({name for said in several for name in said})
    measure, of = ("Cohen's kappa", _kappa) if len(people) == LEAST else ("Krippendorff's alpha", _alpha)
    labels = sorted({label for said in several for label in said.values()})
    whose = f"{taxonomy}: " if taxonomy else ""
    return Agreement(
        taxonomy=taxonomy,
        measure=measure,
        annotators=len(people),
        documents=len(several),
        value=_beyond_chance(several, of),
        by_label={f"{whose}{one}": _beyond_chance(_against_the_rest(several, one), of) for one in labels},
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
