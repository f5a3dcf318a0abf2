"""The key under which personal data gets its pseudonyms: a deployment's secret, never part of the data."""

import hmac
from pathlib import Path

from include.core.errors import ConfigurationError
from include.core.settings import Settings

LEAST = 32
_FIELD = "GENAI_PSEUDONYM_KEY"


def key_file(settings: Settings) -> Path:
    """Where the local stack keeps the key that it generates at its first start."""
    return settings.state_folder / "state" / "pseudonym.key"


def pseudonym_key(settings: Settings) -> bytes:
    """GENAI_PSEUDONYM_KEY, else the local stack's key; ConfigurationError where there is none or it is short."""
    value = settings.pseudonym_key.get_secret_value()
    if not value:
        try:
            value = key_file(settings).read_text().strip()
        except OSError:
            raise ConfigurationError(
                _FIELD,
                "",
                "there is no key for pseudonyms",
                "Set it to a random string of 32 characters or more and keep it, or start the local stack once",
            ) from None
    if len(value) < LEAST:
        raise ConfigurationError(_FIELD, "***", f"it is shorter than {LEAST} characters", "Use a longer random string")
    return value.encode()


def key_id(key: bytes) -> str:
    """Names a key without telling anything about it: an artifact made under another key is not reused."""
    return hmac.digest(key, b"genai: which key", "sha256").hex()[:16]
