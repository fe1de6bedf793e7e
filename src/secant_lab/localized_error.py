"""Localized errors, which the page shows in its own language."""

from secant.errors import InvalidInput


class LocalizedError(InvalidInput):
    """An invalid input: an English sentence, and its parts for other languages.

    Attributes:
        code: The key of the sentence in the page's dictionaries: `"unknown_name"`.
        facts: The values in the sentence, by name.
    """

    def __init__(self, code: str, sentence: str, **facts: object) -> None:
        """Make an error; `str` returns the sentence."""
        super().__init__(sentence)
        self.code = code
        self.facts = facts
