"""Rules after the tagger: what spans begin and end with, and what no name, number or address looks like."""

import re

Found = tuple[str, int, int]
_EDGE_START, _EDGE_END = " \t\n,;:!?)]}>|*'\"-", " \t\n,;:!?([{<>|*\"'-"
_POSSESSIVE = ("'s", "\u2019s", "\\n")
_NAMES = ("PERSON", "LOCATION", "TITLE", "NRP")
_VERSION = re.compile(r"v?\d{1,4}(?:\.\d{1,4}){1,3}(?:[-.]?(?:rc|a|b|beta|alpha|dev|post)\.?\d*)?")
_DATE = re.compile(r"\d{1,2}\.\d{1,2}\.\d{4}|\d{4}\.\d{1,2}\.\d{1,2}")
# words that open or close letters and fields, or are called upon: they stand where names stand
_NO_NAMES = re.compile(
    r"(?i)(?:regards|hello|hi|hey|dear|thanks|cheers|best|sincerely|yours|invoice|ticket|bonjour|cordialement|hola|saludos"
    r"|support|team|customer|account|error|warning|update|version|python|callback|mobile|fax|phone|office|import|traceback|god|lord|devil)[,.:]?"
)
_CODE = re.compile(
    r"^[A-Z]{2,5}-\d|[a-z]\.[a-z]|[_=<>{}()`$%@#+]|\w/\w|://|\w\.\w+\(|^[a-z]+[A-Z]|(?:Error|Exception|Warning)\b"
    # McDonald and DeShawn are names, GenericAlias is none
    r"|^\S*[a-z]{4}[A-Z]\S*$"
)
# documents and gaps that are called by a number
_NUMBERED = re.compile(r"(?:CVE|RFC|ISO|IEC|IEEE|PEP|KB)(?:[ -]?\d[\d-]*)?")
_NO_STREET = re.compile(r"^\d+ (?:and|or|to) |[(){}=<>`_\[\]]|\d\.\d+\.\d|^[a-z]{1,12}$|^[a-z], [a-z]$")
_LINE = re.compile(r"(?i)(?<=\d)[ (-]{1,2}(?:office|mobile|cell|fax|phone|home|work|desk)$")
_POST_CODE = re.compile(r"(?i)\b(?:zip|postal code|post ?code|postleitzahl|plz|code postal|cap)\b[\w :='\"]{0,12}$")
_ALIAS = re.compile(r"\bimport (?:[\w.]{1,60}(?: as \w{1,20})?, ){0,4}(?:[\w.]{1,60} as )?$")
# letters that each kind is written with, and how many digits it has at least
_WRITTEN = {
    "EMAIL_ADDRESS": (re.compile(r"(?!(?:git|hg)@)[^\s@]+@[^\s@]+"), 0),
    "IP_ADDRESS": (re.compile(r"[0-9A-Fa-f]*(?:[.:]+[0-9A-Fa-f]*){2,8}"), 1),
    "PHONE_NUMBER": (re.compile(r"[\d\s()+./-]+|[\d\s()+./-]{7,}(?:x|ext\.?|#)\s*\d+"), 6),
    "CREDIT_CARD": (re.compile(r"[\d\s.-]+"), 11),
    "IBAN_CODE": (re.compile(r"[A-Za-z]{2}[\dA-Za-z\s-]+"), 8),
    "US_SSN": (re.compile(r"[\d\s-]+"), 8),
    "US_DRIVER_LICENSE": (re.compile(r"[\dA-Za-z\s*-]+"), 4),
    "ACCOUNT_NUMBER": (re.compile(r"[\w.\s-]+"), 2),
    "AGE": (re.compile(r"[\w.\s-]+"), 1),
}


def repaired(text: str, spans: list[Found]) -> list[Found]:
    """Spans without what no name or number begins or ends with; findings of nothing else are dropped."""
    kept = []
    for entity, first, last in spans:
        start, end = first, last
        brackets = "" if entity == "PHONE_NUMBER" else "()"
        while start < end and text[start] in _EDGE_START + brackets:
            start += 1
        while start < end and (text[end - 1] in _EDGE_END + brackets or text.endswith(_POSSESSIVE, start, end)):
            end -= 2 if text.endswith(_POSSESSIVE, start, end) else 1
        end -= text.endswith("..", start, end)
        value = _LINE.sub("", text[start:end])
        end = start + len(value)
        nothing = not any(letter.isalnum() for letter in value)
        if not (nothing or _is_technical(entity, value) or _is_alias(text, start, value)):
            kept.append((entity, start, end))
    return [one for place, one in enumerate(kept) if not _is_stray(text, kept, place)]


def _is_technical(entity: str, value: str) -> bool:
    if _NUMBERED.fullmatch(value):
        return True
    if _VERSION.fullmatch(value):
        return entity != "PHONE_NUMBER" and not _DATE.fullmatch(value)
    if entity in _WRITTEN:
        letters, digits = _WRITTEN[entity]
        return not letters.fullmatch(value) or sum(letter.isdigit() for letter in value) < digits
    if entity in _NAMES and (_CODE.search(value) or _NO_NAMES.fullmatch(value)):
        return True
    if entity == "STREET_ADDRESS":
        return bool(_NO_STREET.search(value))
    return entity == "PERSON" and (len(value.strip(".")) < 2 or any(letter.isdigit() for letter in value))


def _is_alias(text: str, start: int, value: str) -> bool:
    """A short lower-case word that an import statement names."""
    return value.islower() and len(value) < 5 and bool(_ALIAS.search(text[max(0, start - 130) : start]))


def _is_stray(text: str, spans: list[Found], place: int) -> bool:
    """A number that is a piece of something longer, or a short one that is no number of a house: none stands beside."""
    entity, start, end = spans[place]
    if entity not in ("STREET_ADDRESS", "PHONE_NUMBER", "AGE", "ACCOUNT_NUMBER") or not text[start].isdigit():
        return False
    glued = start > 1 and text[start - 1] in "-_/.:" and text[start - 2].isalnum()
    short = entity == "STREET_ADDRESS" and (end - start < 5 or ":" in text[start:end])
    short = short and not _POST_CODE.search(text[max(0, start - 30) : start])
    if not glued and not (short and not any(letter.isalpha() for letter in text[start:end])):
        return False
    return not any(other[1] - end in (1, 2) or start - other[2] in (1, 2) for other in spans)
