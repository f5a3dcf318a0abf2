"""What mail programs add to a message: quoted replies, headers of forwarded messages, and signatures.

The rules go line by line, each line is looked at a fixed number of times, and what they search is cut to a fixed
length: the time is linear in a text of any content. email-reply-parser (MIT) knows fewer languages and no forwarding.
"""

import re
from collections import Counter

_SEEN = 300
_ATTRIBUTION = re.compile(
    r"(?i)^(?:on .*\bwrote|am .*\bschrieb\b.*|le .*\ba écrit|el .*\bescribió|il .*\bha scritto|op .*\bschreef\b.*)\s?:$"
)
_MOMENT = re.compile(r"\d{4}|\d:\d\d|@")
_ORIGINAL = re.compile(
    r"(?i)^[-_]{2,}\s?(?:original message|original-nachricht|ursprüngliche nachricht|message d'origine|"
    r"mensaje original|oorspronkelijk bericht)\s?[-_]{2,}$"
)
_FORWARDED = re.compile(
    r"(?i)^(?:[-_]{2,}\s?(?:forwarded message|weitergeleitete nachricht|message transféré|mensaje reenviado)\s?[-_]{2,}"
    r"|begin forwarded message:)$"
)
_HEADER = re.compile(
    r"(?i)^\*?(from|sent|to|cc|date|subject|reply-to|von|gesendet|an|datum|betreff|de|envoyé|à|objet|para|enviado|"
    r"asunto)\s?:\*?\s"
)
_SENDERS = ("from", "von", "de")
_DATES = {"sent", "date", "gesendet", "datum", "envoyé", "enviado"}
_DEVICE = re.compile(r"(?i)^(?:sent from my |get outlook for |von meinem .{2,40} gesendet|envoyé de mon )")
_SIGNATURE_LINES = 10
_FEWEST_HEADERS, _MOST_HEADERS = 3, 12


def without_quotes(text: str, removed: Counter[str]) -> str:
    """What the writer of a message wrote; `removed` gains lines by kind.

    The content of a forwarded message stays where nothing else is said. A text that would be left empty stays whole.
    """
    lines = text.split("\n")
    mine: Counter[str] = Counter()
    kept = _without_signature(_unquoted(lines, mine), mine)
    if not any(line.strip() for line in kept):
        return text
    removed.update(mine)
    return "\n".join(kept) if mine else text


def _unquoted(lines: list[str], removed: Counter[str]) -> list[str]:
    kept: list[str] = []
    said = False
    place = 0
    while place < len(lines):
        line = lines[place].strip()[:_SEEN]
        forwarded = bool(_FORWARDED.match(line))
        start = place + (forwarded or bool(_ORIGINAL.match(line)))
        headers = _headers(lines, start) if start > place or _HEADER.match(f"{line} ") else place
        if headers > place:
            if said and not forwarded:
                removed["quoted reply"] += sum(bool(rest.strip()) for rest in lines[place:])
                return kept
            removed["forward header"] += sum(bool(rest.strip()) for rest in lines[place:headers])
            place = headers
        elif after := _attribution(lines, place):
            end = _quote_end(lines, after)
            removed["quoted reply"] += sum(bool(rest.strip()) for rest in lines[place:end])
            place = end
        else:
            kept.append(lines[place])
            said = said or bool(line)
            place += 1
    return kept


def _headers(lines: list[str], start: int) -> int:
    """The line after the mail headers at `start`: the sender first, a date among them; `start` where there are none."""
    place, names = start, list[str]()
    while place < min(len(lines), start + _MOST_HEADERS):
        header = _HEADER.match(lines[place][:_SEEN].rstrip() + " ")
        if not header and (names or lines[place].strip()):
            break
        names += [header[1].lower()] if header else []
        place += 1
    whole = len(names) >= _FEWEST_HEADERS and names[0] in _SENDERS and not _DATES.isdisjoint(names)
    return place if whole else start


def _attribution(lines: list[str], place: int) -> int:
    """The line after `On ... wrote:` at `place`, which may be broken once; 0 where there is none."""
    if not lines[place].strip():
        return 0
    for count in (1, 2):
        text = " ".join(line.strip()[:_SEEN] for line in lines[place : place + count])
        if _ATTRIBUTION.match(text) and _MOMENT.search(text):
            return place + count
    return 0


def _quote_end(lines: list[str], start: int) -> int:
    """Where the quote after an attribution ends: with its last `>`, or with the text where no line has one."""
    place = start
    while place < len(lines) and not lines[place].strip():
        place += 1
    if place < len(lines) and not lines[place].lstrip().startswith(">"):
        return len(lines)
    end = place
    while place < len(lines) and (not lines[place].strip() or lines[place].lstrip().startswith(">")):
        place += 1
        end = place if lines[place - 1].strip() else end
    return end


def _without_signature(lines: list[str], removed: Counter[str]) -> list[str]:
    """Lines before the mark `--`, where little follows it, and without what devices add."""
    for place in range(len(lines) - 1, 0, -1):
        below = lines[place + 1 :]
        if len(below) > 2 * _SIGNATURE_LINES:
            break
        if lines[place].rstrip() == "--" and sum(bool(line.strip()) for line in below) <= _SIGNATURE_LINES:
            removed["signature"] += 1 + sum(bool(line.strip()) for line in below)
            lines = lines[:place]
            break
    kept = [line for line in lines if not (len(line) < 80 and _DEVICE.match(line.strip()))]
    if len(kept) < len(lines):
        removed["signature"] += len(lines) - len(kept)
    return kept
