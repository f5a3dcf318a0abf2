"""Which words may be a name that is known from elsewhere, and in which order its words are compared."""

from collections.abc import Sequence
from functools import cache, lru_cache

from include.privacy.recognition.features import folder

_CLASSES = ("verb", "adj", "adv", "noun")


def in_order(words: Sequence[str], commas: Sequence[int]) -> str:
    """The words as they are spoken: "Schmidt, Anna" is Anna Schmidt; `commas` says before which words there is a comma.

    No other order is taken for the same name: "page mark" is not Mark Page.
    """
    first = commas[0] if len(commas) == 1 else 0
    return " ".join([*words[first:], *words[:first]])


def spelled_as_name(words: Sequence[str]) -> bool:
    """Whether all `words` have capitals, or one is no ordinary word: "anna schmidt", and not "mark page"."""
    return all(word[0].isupper() for word in words) or not all(_ordinary(word.casefold()) for word in words)


@lru_cache(maxsize=1 << 16)
def _ordinary(word: str) -> bool:
    """Whether English has the word, in any of its forms, in lower case."""
    words, endings = _vocabulary()
    return word in words or any(word.endswith(old) and word.removesuffix(old) + new in words for old, new in endings)


@cache
def _vocabulary() -> tuple[frozenset[str], tuple[tuple[str, str], ...]]:
    """English words, and what the endings of other forms stand for: the tables of the pipeline's lemmatizer.

    Its nouns have Anna and Schmidt among them: those that are names to Faker are left out.
    """
    from faker.providers.person.en_US import Provider
    from spacy.lang.en.stop_words import STOP_WORDS
    from spacy.lookups import Lookups

    tables = Lookups().from_disk(folder() / "lemmatizer" / "lookups")
    index, irregular, endings = (tables.get_table(f"lemma_{name}") for name in ("index", "exc", "rules"))
    found = {kind: {word for table in (index, irregular) for word in table[kind]} for kind in _CLASSES}
    names = {name.casefold() for name in (*Provider.first_names, *Provider.last_names)}
    found["noun"] -= names
    return frozenset(STOP_WORDS.union(*found.values())), tuple((old, new) for old, new in endings["verb"])
