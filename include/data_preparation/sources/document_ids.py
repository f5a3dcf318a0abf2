"""What documents of records and files are called: their names there, or keyed digests of these."""

import hmac
from typing import Literal

from include.core.pseudonym_key import pseudonym_key
from include.core.settings import settings

LENGTH = 20  # 80 bits
# letters alone: with digits among them, one id in 4,000 is an account number whose check digits hold, and a leak
LETTERS = str.maketrans("0123456789abcdef", "abcdefghijklmnop")
Ids = Literal["hidden", "shown"]
Kind = Literal["collection", "record"]
KINDS: tuple[Kind, ...] = ("collection", "record")


def document_id(kind: Kind, source: str, name: str, ids: Ids) -> str:
    """`kind:source:` and the name, or what stands for it under the deployment's key.

    A digest without a key would tell whoever guesses a mail address or a file's name that it is right.
    ConfigurationError where names are hidden and there is no key.
    """
    if ids == "shown":
        return f"{kind}:{source}:{name}"
    digest = hmac.digest(pseudonym_key(settings()), f"id\0{kind}\0{source}\0{name}".encode(), "sha256")
    return f"{kind}:{source}:{digest.hex()[:LENGTH].translate(LETTERS)}"


def hidden_id(shown: str) -> str:
    """What stands for an id that names its record; the id itself where nothing is hidden of such ids."""
    for kind in KINDS:
        head, _, name = shown.removeprefix(f"{kind}:").partition(":")
        if shown.startswith(f"{kind}:") and name:
            return document_id(kind, head, name, "hidden")
    return shown
