"""Errors that a page can tell in its own language."""

from secant.errors import InvalidInput


class Told(InvalidInput):
    """What cannot be worked with: the sentence, and its parts for other languages.

    Attributes:
        code: Which sentence: `"unknown_name"`.
        facts: What the sentence speaks of, by name.
    """

    def __init__(self, code: str, sentence: str, **facts: object) -> None:
        """The sentence is what `str` gives."""
        super().__init__(sentence)
        self.code = code
        self.facts = facts
