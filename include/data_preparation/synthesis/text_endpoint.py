"""The endpoint that writes texts, as the settings GENAI_TEXT_* name it."""

from include.core import chat_endpoint
from include.core.chat_endpoint import Answer, ChatEndpoint, Names
from include.core.settings import Settings
from include.data_preparation.config.texts import GenerateTextsConfig

__all__ = ["Address", "Answer", "TextEndpoint"]

NAMES = Names(
    "GENAI_TEXT",
    "data_preparation.generate_texts",
    "the use case has prompts for a model, and this is not set",
    "Set it, or remove the prompts",
)


class Address(chat_endpoint.Address):
    """Where the endpoint is, which model answers, and the key, which is shown nowhere."""

    @classmethod
    def of(cls, settings: Settings) -> "Address":
        """The address that GENAI_TEXT_* settings name; ConfigurationError where there is none, or the key is none."""
        found = chat_endpoint.address_of(NAMES, settings.text_endpoint, settings.text_model, settings.text_api_key)
        return cls(url=found.url, model=found.model, key=found.key)


class TextEndpoint(ChatEndpoint):
    """Asks for texts, with the patience of the configuration."""

    def __init__(self, address: Address, config: GenerateTextsConfig) -> None:
        super().__init__(address, config, NAMES)
