"""What stands in the place of personal data: the same value is the same pseudonym in every document, shard and run."""

import base64
import hmac
import re
import unicodedata
from collections.abc import Mapping, Sequence

from include.core.optional_imports import absent
from include.privacy.policy import POLICY, Policy
from include.privacy.spans import Span
from include.privacy.typography import plain

LENGTH = 10  # 50 bits: of a million values, two share a pseudonym with a chance of 1 in 2,000
# what pseudonyms and redactions look like; an audit looks at the text around them
STANDS_FOR = re.compile(rf"<(?:{'|'.join(POLICY)})(?:_[A-Z2-7]{{{LENGTH}}})?>")
# and whatever else stands for words that are not known: hashes too
HIDDEN = re.compile(rf"{STANDS_FOR.pattern}|(?<![0-9A-Za-z_])[0-9a-f]{{64}}(?![0-9A-Za-z_])")
_BLANK = re.compile(r"[\W_]+")


def normalized(entity: str, value: str) -> str:
    """A value as it is compared: letters and digits of its compatibility form, case and order of a name left out."""
    text = plain(unicodedata.normalize("NFKC", value)).casefold().replace("\\n", " ")
    if entity == "EMAIL_ADDRESS":
        return text.strip()
    words = _BLANK.sub(" ", text).split()
    # "Schmidt, Anna" is Anna Schmidt
    return " ".join(sorted(words) if entity == "PERSON" else words) if entity in _WORDS else "".join(words)


_WORDS = ("PERSON", "STREET_ADDRESS", "LOCATION", "ORGANIZATION", "TITLE", "NRP")


class Pseudonyms:
    """Replaces spans by what the policy of their entity says."""

    def __init__(self, key: bytes, policy: Mapping[str, Policy]) -> None:
        # it would import Presidio's analyzer, and with it transformers, for an operator of a cloud service
        with absent("presidio_analyzer"):
            from presidio_anonymizer import AnonymizerEngine

        self.key, self.policy, self.engine = key, policy, AnonymizerEngine()

    def digest(self, entity: str, value: str) -> bytes:
        """The keyed digest of a normalized value: equal for equal values, and of no use without the key."""
        return hmac.digest(self.key, f"{entity}\0{normalized(entity, value)}".encode(), "sha256")

    def of(self, entity: str, value: str) -> str:
        """What stands for `value`: <PERSON_7KQ2...>, <PERSON>, 64 hexadecimal digits, or the value itself."""
        policy = self.policy[entity]
        if policy == "keep":
            return value
        if policy == "redact":
            return f"<{entity}>"
        if policy == "hash":
            return self.digest(entity, value).hex()
        return f"<{entity}_{base64.b32encode(self.digest(entity, value)).decode()[:LENGTH]}>"

    def replace(self, text: str, spans: Sequence[Span]) -> str:
        """The text with each of the disjoint `spans` replaced by what stands for its own value."""
        from presidio_anonymizer.entities import OperatorConfig, RecognizerResult

        if not spans:
            return text
        operators = {
            entity: OperatorConfig("custom", {"lambda": lambda value, entity=entity: self.of(entity, value)})
            for entity in {span.entity for span in spans}
        }
        results = [RecognizerResult(span.entity, span.start, span.end, 1.0) for span in spans]
        return str(self.engine.anonymize(text, results, operators, merge_entities_with_spaces=False).text)
