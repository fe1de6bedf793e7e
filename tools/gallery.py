"""Draws the pictures of docs/gallery.md by running it: `python tools/gallery.py`.

The code on the page is the code that is run, from top to bottom; after the picture's
line `![…](images/gallery/NAME.png)`, the `figure` of the next block of code is saved
under that name. Names of pictures as arguments save only those.
"""

import re
import sys
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

from PIL import Image

DOCS = Path(__file__).parents[1] / "docs"
PAGE = DOCS / "gallery.md"

MOST_BYTES = 80_000

_PARTS = re.compile(
    r"!\[[^\]]*\]\((?P<picture>images/gallery/[\w-]+\.png)\)"
    r"|^```python\n(?P<code>.*?)^```",
    re.MULTILINE | re.DOTALL,
)


class Block(NamedTuple):
    """A block of the page's code.

    Attributes:
        code: The code.
        picture: Where its `figure` goes, beneath docs/; None where it makes none.
    """

    code: str
    picture: str | None


def blocks(text: str) -> Iterator[Block]:
    """The page's code in its order, each block with the picture before it."""
    picture = None
    for part in _PARTS.finditer(text):
        if part["picture"]:
            picture = part["picture"]
        else:
            yield Block(part["code"], picture)
            picture = None


def main(names: list[str]) -> None:
    """Runs the page and saves its figures."""
    scope: dict = {}
    for block in blocks(PAGE.read_text(encoding="utf-8")):
        exec(block.code, scope)  # the page's own code, of this repository
        if block.picture and (not names or Path(block.picture).stem in names):
            save(scope["figure"], DOCS / block.picture)


def save(figure, path: Path) -> None:
    """The figure, small enough for a page of many: in 256 colours if need be.

    Of those that cover most of all colours that there are: a dot keeps its own.
    """
    file = BytesIO()
    figure.savefig(file, dpi=100)
    picture = Image.open(file).convert("RGB")
    picture.save(path, optimize=True)
    if path.stat().st_size > MOST_BYTES:
        few = picture.quantize(
            256, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE
        )
        few.save(path, optimize=True)


if __name__ == "__main__":
    main(sys.argv[1:])
