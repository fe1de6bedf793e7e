"""Runs the lessons from top to bottom and keeps what the cells print and draw.

    python tools/lessons.py

`lessons/` holds one notebook in each language, of the same code cells. What is kept
beside the cells are their outputs alone: no times, no machine, so that a change of the
text is a small change of the file.
"""

from base64 import b64decode, b64encode
from io import BytesIO
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from PIL import Image

LESSONS = Path(__file__).parents[1] / "lessons"


def run(path: Path) -> nbformat.NotebookNode:
    """The notebook with the outputs of its cells; raises what a cell raises."""
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(
        notebook,
        timeout=300,
        kernel_name="python3",
        record_timing=False,
        coalesce_streams=True,
        resources={"metadata": {"path": str(path.parent)}},
    ).execute()
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            output.get("metadata", {}).clear()
            if "image/png" in output.get("data", {}):
                output.data["image/png"] = smaller(output.data["image/png"])
    notebook.metadata = nbformat.from_dict(
        {
            "kernelspec": {
                "display_name": "Python 3",
                "language": "python",
                "name": "python3",
            },
            "language_info": {"name": "python"},
        }
    )
    return notebook


def smaller(png: str) -> str:
    """A picture in base64 with a palette of 256 colours: half of the bytes."""
    picture = Image.open(BytesIO(b64decode(png))).convert("RGB")
    kept = BytesIO()
    picture.quantize(256, dither=Image.Dither.NONE).save(kept, "png", optimize=True)
    return b64encode(kept.getvalue()).decode()


def main() -> None:
    """Runs all lessons, each in its own file."""
    for path in sorted(LESSONS.glob("*.ipynb")):
        print(path.name)
        nbformat.write(run(path), path)


if __name__ == "__main__":
    main()
