"""How pictures look: colours, fonts, and where they are drawn.

Every function of `secant.plots` takes `ax=` (or `axes=`, where it needs several) and
draws there; without, it makes a figure of its own. Either way the settings of
Matplotlib that the caller has made are left as they are.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.font_manager import findSystemFonts, fontManager
from matplotlib.ticker import FuncFormatter

from secant.errors import InvalidInput

# Okabe & Ito's colours: told apart by everybody, also in grey.
BLUE, ORANGE, GREEN, GREY = "#0072b2", "#d55e00", "#009e73", "#8a8a8a"
PURPLE = "#cc79a7"
COLORS = (BLUE, ORANGE, GREEN, PURPLE, "#56b4e9", "#e69f00", GREY)
FAINT, DARK = "#e6e6e6", "#555555"

# What is low is dark, what is high pale: paths drawn over it are seen on both.
HEIGHTS = LinearSegmentedColormap.from_list(
    "heights", ["#7fb2d3", "#b9d4e6", "#e3ecf2", "#fafafa"]
)

# The bundled digits, and weights around 0: blue below, orange above.
AROUND_ZERO = LinearSegmentedColormap.from_list(
    "around zero", ["#004c78", BLUE, "#ffffff", ORANGE, "#8a3d00"]
)

# Any one of these draws Korean labels; naming an absent one would print a warning
# for every text. Of Noto's collection Matplotlib reads the first face, JP, which
# has the Korean letters too.
_KOREAN = ("Noto Sans CJK KR", "Noto Sans KR", "Noto Sans CJK JP", "NanumGothic",
           "Malgun Gothic", "Apple SD Gothic Neo")  # fmt: skip


def _korean_fonts() -> tuple[str, ...]:
    if not (found := _known_korean_fonts()):
        # Matplotlib keeps its list of fonts: one that was installed since is not in it.
        for path in findSystemFonts():
            if any(part in Path(path).name for part in ("NotoSansCJK", "NanumGothic")):
                fontManager.addfont(path)
        found = _known_korean_fonts()
    return found


def _known_korean_fonts() -> tuple[str, ...]:
    known = {font.name for font in fontManager.ttflist}
    return tuple(name for name in _KOREAN if name in known)


KOREAN_FONTS = _korean_fonts()
"""Fonts with Korean letters on this machine; empty where there is none."""

STYLE: dict[Any, Any] = {
    "font.family": ["DejaVu Sans", *KOREAN_FONTS],
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": DARK,
    "axes.grid": True,
    "grid.color": FAINT,
    "grid.linewidth": 0.8,
    "axes.axisbelow": True,
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "legend.frameon": False,
    "figure.dpi": 110,
    "savefig.dpi": 150,
}


@contextmanager
def one(
    ax: Axes | None, size: tuple[float, float] = (7.6, 4.8), **subplot: Any
) -> Iterator[Axes]:
    """The caller's axes, or those of a new figure of that size in inches."""
    with mpl.rc_context(STYLE):
        if ax is not None and not isinstance(ax, Axes):
            raise InvalidInput(
                f"ax is {type(ax).__name__}: pass Matplotlib axes, as plt.gca() gives "
                "them, or leave it out"
            )
        yield ax or _figure(size).add_subplot(**subplot)


@contextmanager
def several(
    axes: Any,
    count: int,
    size: tuple[float, float],
    columns: int | None = None,
    **subplots: Any,
) -> Iterator[list[Axes]]:
    """`count` of the caller's axes, or a new figure's, row after row.

    Args:
        axes: The caller's, an array or a list of them, or None.
        count: How many are needed.
        size: Of the new figure, in inches.
        columns: How many axes a row of the new figure has; all if not given.
        subplots: Passed on to `Figure.subplots`.

    Raises:
        InvalidInput: `axes` does not hold exactly `count` axes.
    """
    with mpl.rc_context(STYLE):
        if axes is None:
            columns = columns or count
            rows = -(-count // columns)
            made = _figure(size).subplots(rows, columns, squeeze=False, **subplots)
            for spare in made.flat[count:]:
                spare.remove()
            yield list(made.flat[:count])
            return
        given = [axes] if isinstance(axes, Axes) else list(np.ravel(np.array(axes)))
        if len(given) != count or not all(isinstance(ax, Axes) for ax in given):
            raise InvalidInput(
                f"axes holds {len(given)}, and this picture needs {count}: pass "
                f"figure.subplots(1, {count}), or leave it out"
            )
        yield given


def figure_of(ax: Axes) -> Figure:
    """The whole figure that the axes stand in."""
    figure = ax.get_figure(root=True)
    if not isinstance(figure, Figure):  # removed from it
        raise InvalidInput("ax belongs to no figure: pass axes of a figure")
    return figure


def count_along(ax: Axes) -> None:
    """Whole numbers along x, with a comma for the thousands."""
    ax.xaxis.set_major_formatter(FuncFormatter(lambda step, _: f"{step:,.0f}"))


def bare(ax: Axes) -> None:
    """No ticks, no frame, no grid: for images."""
    ax.set_xticks([])
    ax.set_yticks([])
    ax.grid(visible=False)
    ax.spines[:].set_visible(False)


def say_empty(ax: Axes, sentence: str) -> None:
    """Words in the middle of axes that have nothing to show."""
    ax.text(0.5, 0.5, sentence, ha="center", color=GREY, transform=ax.transAxes)


def _figure(size: tuple[float, float]) -> Figure:
    return Figure(figsize=size, layout="constrained")
