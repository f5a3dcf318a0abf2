"""Who labelled what is imported: the names under which people sign in to Airflow, so that nobody counts as two."""

from collections.abc import Iterable, Sequence

from include.core.errors import ConfigurationError
from include.data_preparation.labelling.review_answers import Answer

OPTION = "--annotator"


def with_names(answers: Iterable[Answer], named: Sequence[str], known: Iterable[str]) -> list[Answer]:
    """Answers under the names of their annotators.

    `named` is what was given as --annotator: WHO=NAME for one person of the file, or one NAME for all of it. `known`
    are the annotators so far. ConfigurationError where somebody has no name, a number for one, or might be one of them.
    """
    answers = list(answers)
    names = dict(one.rsplit("=", 1) for one in named if "=" in one)
    everybody = sorted({one for one in named if "=" not in one})
    _require_sense(names, everybody, {one.annotator for one in answers})
    renamed = [one._replace(annotator=(everybody or [names.get(one.annotator, one.annotator)])[0]) for one in answers]
    for one in renamed:
        if not one.annotator:
            raise ConfigurationError(
                f"{one.where}: annotator", "", "nobody is named", f"Name the person there, or give {OPTION} NAME"
            )
        if one.annotator.isdecimal():
            raise ConfigurationError(
                f"{one.where}: annotator",
                one.annotator,
                "Label Studio's number of a person is no name, and the person would count as two",
                f"Give {OPTION} {one.annotator}=NAME, the name under which the person signs in to Airflow",
            )
    named_apart = {who for who, name in names.items() if who == name}
    _require_one_each({one.annotator for one in renamed}, {*known}, named_apart, {*names.values(), *everybody})
    return renamed


def _require_sense(names: dict[str, str], everybody: list[str], found: set[str]) -> None:
    people = sorted(found - {""})
    if "" in names.values() or "" in everybody:
        raise ConfigurationError(OPTION, "", "a name is empty", f"Give {OPTION} NAME, or {OPTION} WHO=NAME")
    if absent := sorted(names.keys() - found):
        raise ConfigurationError(
            OPTION, absent[0], "nobody is called so in the file", f"It names {', '.join(people) or 'nobody'}"
        )
    if len(everybody) > 1 or (everybody and (names or len(people) > 1)):
        raise ConfigurationError(
            OPTION,
            ", ".join(everybody),
            f"the file names {', '.join(people) or 'nobody'}, and several people would count as one",
            f"Give {OPTION} WHO=NAME for each of them",
        )


def _require_one_each(people: set[str], known: set[str], apart: set[str], told: set[str]) -> None:
    """ConfigurationError where a new name looks like another one's, and nobody has said whose it is."""
    for name in sorted(people - known - told):
        if alike := [one for one in looking_like(name, known | people) if one not in apart]:
            raise ConfigurationError(
                "annotator",
                name,
                f"this may be {alike[0]}, who would count as two",
                f"Give {OPTION} {name}={alike[0]} where it is the same person, {OPTION} {name}={name} where not",
            )


def looking_like(name: str, names: Iterable[str]) -> list[str]:
    """Other names that may be the same person's: ann, Ann, and ann@example.org."""
    return sorted(one for one in names if one != name and _stem(one) == _stem(name))


def _stem(name: str) -> str:
    return name.partition("@")[0].casefold()
