"""Presidio's analyzer without the language models that it offers and no recognizer here uses."""

from include.core.optional_imports import absent


def import_presidio() -> None:
    """Import the analyzer; its own engines for transformers would cost four seconds of a core and 150 MB more.

    spaCy, imported with it, then computes by numpy alone, as the tagger's features do anyway.
    """
    with absent("torch", "transformers"):
        import presidio_analyzer  # noqa: F401
