"""Filters against what nobody wrote for a reader: encoded data, lists of numbers, mashed keys, spam."""

import re

from include.data_preparation.cleaning.profile import Profile
from include.data_preparation.config import CleanConfig

_ESCAPE = re.compile(r"=[0-9A-F]{2}|%[0-9A-F]{2}|\\x[0-9a-fA-F]{2}|\\u[0-9a-fA-F]{4}|&#?\w{2,8};")
_BLOB = re.compile(r"[A-Za-z0-9+/=_-]{40,}")
_RUN = re.compile(r"([^\s=*~_#.-])\1{4,}")
_LATIN_WORD = re.compile(r"(?<![\w.])[A-Za-zÀ-ÿ]{4,40}(?![\w.(])")
# runs of letters that the spelling of no European language has, or hardly any
_HARD = re.compile(
    r"[bcdfghjklmnpqrstvwxz]{5}|q[^uaeirlst]|j[bcfghkpqvwxz]|[cgpqvwxz]j|v[bcfghjkmpqwxz]|x[bdgjkrvxz]|"
    r"[bcdfgjkmqtvwz]x|[fgpkvz]q|zx|wq|hf"
)
_KEYS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
# only the upper row spells parts of words, as in property
_SHORTEST_RUN = (5, 4, 4)
_KEY_RUNS = frozenset(
    row[place : place + length]
    for keys, length in zip(_KEYS, _SHORTEST_RUN, strict=True)
    for row in (keys, keys[::-1])
    for place in range(len(row) - length + 1)
)
_MONEY = re.compile(r"[$€£%]\s?\d|\d\s?[$€£%]")


def readable(text: Profile, config: CleanConfig) -> bool | str:
    """Base64, hexadecimal digests and bytes written as escapes."""
    plain = text.without_links
    blobs = sum(len(match[0]) for match in _BLOB.finditer(plain) if _mixed(match[0]))
    escapes = sum(len(match[0]) for match in _ESCAPE.finditer(plain))
    share = max(blobs, escapes) / len(text.text)
    return share <= config.max_encoded or f"encoded data: {share:.2f}"


def no_list_of_numbers(text: Profile, config: CleanConfig) -> bool | str:
    """Texts most of whose parts are numbers or signs; the frames of tables and the marks of code do not count."""
    parts = [part for part in text.text.split() if part.strip("|+-=>.")]
    bare = sum(not any(character.isalpha() for character in part) for part in parts)
    # a short message may be a few words and the numbers asked for
    most = 0.4 if len(parts) >= config.long_words else 0.6
    return len(parts) < 8 or bare <= most * len(parts) or f"numbers or signs: {bare / len(parts):.2f}"


def no_runs(text: Profile, config: CleanConfig) -> bool | str:
    """Texts of one character written over and over."""
    share = sum(match.end() - match.start() for match in _RUN.finditer(text.text)) / len(text.text)
    # people in need stretch a word and add exclamation marks
    most = 0.2 if len(text.words) >= config.long_words else 0.4
    return share <= most or f"character runs: {share:.2f}"


def no_mashed_keys(text: Profile, config: CleanConfig) -> bool | str:
    """Texts whose longer words are no words of any language in Latin letters."""
    words = _LATIN_WORD.findall(text.without_links)
    mashed = sum(map(_is_mashed, words))
    share = mashed / max(1, len(words))
    return mashed < 2 or share < config.max_mashed or f"mashed keys: {share:.2f}"


def no_spam(text: Profile, config: CleanConfig) -> bool | str:
    """Texts that consist of links, and shouting that sells; short messages may shout."""
    long = len(text.words) >= config.long_words
    if text.links > 1 and text.link_share > (config.max_links * 0.7 if long else config.max_links):
        return f"links: {text.link_share:.2f}"
    upper = sum(character.isupper() for character in text.without_links)
    cased = upper + sum(character.islower() for character in text.without_links)
    if cased < 20 or upper <= 0.7 * cased:
        return True
    signs = (text.text.count("!") >= 3) + (text.links > 0) + bool(_MONEY.search(text.text))
    return not (long or signs >= 2) or f"capitals: {upper / cased:.2f}"


JUNK = (readable, no_list_of_numbers, no_runs, no_mashed_keys, no_spam)


def _mixed(blob: str) -> bool:
    """Whether a long token holds letters and digits as no name, path or rule does."""
    digits = sum(character.isdigit() for character in blob)
    return 0.05 * len(blob) <= digits < len(blob)


def _is_mashed(word: str) -> bool:
    if word.isupper():
        return False
    word = word.lower()
    if any(word[place : place + length] in _KEY_RUNS for length in (4, 5) for place in range(len(word) - length + 1)):
        return True
    return bool(_HARD.search(word)) or (len(word) > 5 and not re.search(r"[aeiouyà-ÿ]", word))
