"""Filters of single texts: each returns True, or the reason for which the text is dropped.

What a short message may do and a document may not is told by its number of words (`long_words`). The rules for
documents follow Gopher (Rae et al. 2021, arXiv:2112.11446, table A1) with looser limits, as code and lists are wanted
here; every pattern is linear in the length of a text.
"""

import re
from collections.abc import Sequence

from include.data_preparation.cleaning.junk import JUNK
from include.data_preparation.cleaning.languages import identify
from include.data_preparation.cleaning.profile import Profile
from include.data_preparation.config import CleanConfig

_PLACEHOLDER = re.compile(
    r"(?i)^\W*(todo|fixme|undocumented|deprecated|internal( use only)?|docstring|see (the )?base class|"
    r"implementation of|inherited|stub|not implemented|alias (for|of) \S+)\W*$"
)
_PLACEHOLDER_CHARACTERS = 200
_LOREM = re.compile(
    r"(?i)\b(?:lorem|ipsum|dolor|amet|consectetur|adipiscing|elit|eiusmod|tempor|incididunt|labore|aliqua|veniam|nostrud|"
    r"ullamco|aliquip|commodo|consequat|irure|voluptate|cillum|fugiat|pariatur|excepteur|cupidatat|mollit|laborum)\b"
)
_MOST_LOREM = 0.2
# in a text of this many characters one damaged character is too much; in a longer one it is one in as many
_CHARACTERS_A_DAMAGE = 1000


def long_enough(text: Profile, config: CleanConfig) -> bool | str:
    """Empty texts and texts of too few or too many words."""
    if not text.text:
        return "empty"
    if len(text.text) > config.max_characters:
        return f"too long: {len(text.text)} characters"
    words = len(text.words) + text.links
    return words >= config.min_words or f"too short: {words} words"


def says_something(text: Profile, config: CleanConfig) -> bool | str:
    """Placeholders that stand where a text should be."""
    if len(text.text) <= _PLACEHOLDER_CHARACTERS and _PLACEHOLDER.match(text.text):
        return "placeholder"
    latin = sum(1 for _ in _LOREM.finditer(text.text))
    return latin < 4 or latin <= _MOST_LOREM * len(text.words) or "placeholder: lorem ipsum"


def mostly_letters(text: Profile, config: CleanConfig) -> bool | str:
    """Tables, numbers, drawings and bytes that were read in a wrong encoding."""
    if text.text.count("�") > len(text.text) // _CHARACTERS_A_DAMAGE:
        return "broken encoding"
    share = sum(character.isalpha() or character.isspace() for character in text.text) / len(text.text)
    return share >= config.min_letters or f"few letters: {share:.2f}"


def not_repetitive(text: Profile, config: CleanConfig) -> bool | str:
    """Texts in which one word, a phrase or a line makes up most of the text."""
    words = text.words
    if len(words) >= 6:
        share = text.most_frequent_word / len(words)
        # few words repeat by chance
        if share > (config.max_repetition if len(words) >= 20 else 0.5 + config.max_repetition / 2):
            return f"repetitive: {share:.2f} one word"
    repeated = 1 - _distinct(list(zip(words, words[1:], words[2:], strict=False)))
    if len(words) >= 12 and repeated > config.max_repeated_phrases:
        return f"repetitive: {repeated:.2f} phrases"
    repeated = 1 - _distinct(text.prose_lines)
    return len(text.prose_lines) < 6 or repeated <= config.max_repeated_lines or f"repetitive: {repeated:.2f} lines"


def right_language(text: Profile, config: CleanConfig) -> bool | str:
    """Texts that are surely in another language; code and short texts cannot be told and stay."""
    found = identify(text.text, config.language_min_characters)
    wrong = found and found.code not in config.languages and found.score >= config.language_confidence
    return f"language: {found.code} {found.score:.2f}" if found and wrong else True


def like_a_document(text: Profile, config: CleanConfig) -> bool | str:
    """Rules for long texts only: words of a usual length, no list of cut-off lines."""
    if len(text.words) < config.long_words:
        return True
    mean = sum(map(len, text.words)) / len(text.words)
    if not 2 <= mean <= 15:
        return f"strange words: {mean:.1f} characters each"
    cut = sum(line.endswith(("...", "…")) for line in text.lines)
    return len(text.lines) < 10 or cut <= 0.4 * len(text.lines) or f"cut-off lines: {cut} of {len(text.lines)}"


FILTERS = (long_enough, says_something, *JUNK, mostly_letters, not_repetitive, right_language, like_a_document)


def verdict(text: str, config: CleanConfig) -> bool | str:
    """True, or the first filter's reason against the text."""
    profile = Profile(text)
    for check in FILTERS:
        answer = check(profile, config)
        if answer is not True:
            return answer
    return True


def _distinct(items: Sequence[object]) -> float:
    return len(set(items)) / len(items) if items else 1.0
