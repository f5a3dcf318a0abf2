"""Secrets in texts: keys and tokens of well-known services, private keys, and passwords that look real.

Each pattern starts where no word character stands before it and has bounded repeats, so that the search stays linear
in texts of any content.
"""

import math
import re
from collections import Counter
from collections.abc import Iterator

_START, _END = r"(?<![\w-])", r"(?![\w-])"
# prefixes and lengths as the services document them
_TOKENS = {
    "AWS_ACCESS_KEY": r"(?:AKIA|ASIA)[0-9A-Z]{16}",
    "GITHUB_TOKEN": r"gh[pousr]_[A-Za-z0-9]{36,255}|github_pat_[A-Za-z0-9_]{60,255}",
    "GITLAB_TOKEN": r"glpat-[\w-]{20,64}",
    "GOOGLE_API_KEY": r"AIza[\w-]{35}",
    "HUGGING_FACE_TOKEN": r"hf_[A-Za-z0-9]{34,40}",
    "JSON_WEB_TOKEN": r"eyJ[\w-]{10,2000}\.eyJ[\w-]{10,4000}\.[\w-]{10,1000}",
    "PYPI_TOKEN": r"pypi-AgE[\w-]{50,400}",
    "SERVICE_KEY": r"sk-(?:ant-|proj-)?[A-Za-z0-9_-]{32,250}",
    "SLACK_TOKEN": r"xox[abeoprs]-[A-Za-z0-9-]{10,250}",
    "STRIPE_KEY": r"[sr]k_live_[A-Za-z0-9]{20,250}",
}
_SIMPLE = [(kind, re.compile(f"{_START}(?:{pattern}){_END}")) for kind, pattern in _TOKENS.items()]
_BLOCK = re.compile(r"-----BEGIN (?:[A-Z0-9]{1,12} ){0,3}PRIVATE KEY(?: BLOCK)?-----")
_BLOCK_END = re.compile(r"-----END (?:[A-Z0-9]{1,12} ){0,3}PRIVATE KEY(?: BLOCK)?-----")
_URL = re.compile(r"(?<![\w+.-])[a-z][a-z0-9+.-]{1,20}://[^\s:/@<>]{0,64}:(?P<value>[^\s/@<>]{8,128})@")
_ASSIGNED = re.compile(
    r"(?i)(?<![a-z])(?:password|passwd|pwd|secret|token|api[_-]?key|access[_-]?key|secret[_-]?key)[\"']?"
    r"[ \t]{0,3}(?:[:=]|is)[ \t]{0,3}[\"']?(?P<value>[^\s\"'`<>,;(){}\[\]]{8,128})"
)
# bits a character; words and names of variables are below it
_LEAST_ENTROPY = 3.0


def redact(text: str, counts: Counter[str]) -> str:
    """The text with each secret replaced by its kind, as in `<AWS_ACCESS_KEY>`; `counts` gains their number by kind."""
    kept, position = [], 0
    for start, end, kind in _disjoint(text):
        kept += [text[position:start], f"<{kind}>"]
        position = end
        counts[kind] += 1
    return "".join((*kept, text[position:]))


def count_secrets(text: str) -> Counter[str]:
    """Number of secrets in a text, by kind; what they are is not told."""
    return Counter(kind for _, _, kind in _disjoint(text))


def _disjoint(text: str) -> list[tuple[int, int, str]]:
    """Start, end and kind of secrets in order; of overlapping ones the first, then the longer."""
    chosen: list[tuple[int, int, str]] = []
    for start, end, kind in sorted(_found(text), key=lambda found: (found[0], -found[1], found[2])):
        if not chosen or start >= chosen[-1][1]:
            chosen.append((start, end, kind))
    return chosen


def _found(text: str) -> Iterator[tuple[int, int, str]]:
    yield from _private_keys(text)
    for kind, pattern in _SIMPLE:
        for match in pattern.finditer(text):
            yield match.start(), match.end(), kind
    for pattern in (_URL, _ASSIGNED):
        for match in pattern.finditer(text):
            if _looks_random(match["value"]):
                yield match.start("value"), match.end("value"), "PASSWORD"


def _private_keys(text: str) -> Iterator[tuple[int, int, str]]:
    """A key without its last line is taken to go on to the end of the text."""
    position = 0
    while begin := _BLOCK.search(text, position):
        last = _BLOCK_END.search(text, begin.end())
        position = last.end() if last else len(text)
        yield begin.start(), position, "PRIVATE_KEY"


def _looks_random(value: str) -> bool:
    """Whether a value mixes letters and digits as no word, path, version or placeholder does."""
    letters, digits = any(one.isalpha() for one in value), any(one.isdigit() for one in value)
    if not (letters and digits) or re.fullmatch(r"[A-Za-z_.]+\d{0,4}|[\d.]+[A-Za-z]{0,3}\d*|\$.*|%.*|\.*", value):
        return False
    counts = Counter(value)
    entropy = -sum(count / len(value) * math.log2(count / len(value)) for count in counts.values())
    return entropy >= _LEAST_ENTROPY or (len(value) < 12 and len(counts) >= 6)
