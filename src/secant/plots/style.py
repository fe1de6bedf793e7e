"""Style of the plots: colours, fonts, and the axes to draw into.

Every function of `secant.plots` draws into the caller's `ax=` (or `axes=`, if it needs
several), or into a new figure. The caller's Matplotlib settings do not change.
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

# Okabe & Ito's colours: distinct for colour-blind readers and in grey.
BLUE, ORANGE, GREEN, GREY = "#0072b2", "#d55e00", "#009e73", "#8a8a8a"
PURPLE = "#cc79a7"
COLORS = (BLUE, ORANGE, GREEN, PURPLE, "#56b4e9", "#e69f00", GREY)
FAINT, DARK = "#e6e6e6", "#555555"

# Low is dark and high is pale; a path stays visible on both.
CONTOUR_COLORS = LinearSegmentedColormap.from_list(
    "heights", ["#7fb2d3", "#b9d4e6", "#e3ecf2", "#fafafa"]
)

# Weights around 0: blue below, orange above.
DIVERGING = LinearSegmentedColormap.from_list(
    "around zero", ["#004c78", BLUE, "#ffffff", ORANGE, "#8a3d00"]
)

# Each of these fonts has Korean letters. Only installed ones are named, since
# Matplotlib warns about an absent font for every text. Matplotlib reads only the
# first face of Noto's collection, JP, which has the Korean letters, too.
_KOREAN = ("Noto Sans CJK KR", "Noto Sans KR", "Noto Sans CJK JP", "NanumGothic",
           "Malgun Gothic", "Apple SD Gothic Neo")  # fmt: skip


def _korean_fonts() -> tuple[str, ...]:
    if not (found := _known_korean_fonts()):
        # Matplotlib caches its list of fonts, which may lack a new font.
        for path in findSystemFonts():
            if any(part in Path(path).name for part in ("NotoSansCJK", "NanumGothic")):
                fontManager.addfont(path)
        found = _known_korean_fonts()
    return found


def _known_korean_fonts() -> tuple[str, ...]:
    known = {font.name for font in fontManager.ttflist}
    return tuple(name for name in _KOREAN if name in known)


KOREAN_FONTS = _korean_fonts()
"""Fonts with Korean letters on this machine; may be empty."""

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
def single_axes(
    ax: Axes | None, size: tuple[float, float] = (7.6, 4.8), **subplot: Any
) -> Iterator[Axes]:
    """The caller's axes, or those of a new figure of that size in inches."""
    with mpl.rc_context(STYLE):
        if ax is not None and not isinstance(ax, Axes):
            raise InvalidInput(
                f"ax is {type(ax).__name__}: pass Matplotlib axes, such as plt.gca(), "
                "or leave it out"
            )
        yield ax or _figure(size).add_subplot(**subplot)


@contextmanager
def multiple_axes(
    axes: Any,
    count: int,
    size: tuple[float, float],
    columns: int | None = None,
    **subplots: Any,
) -> Iterator[list[Axes]]:
    """`count` of the caller's axes, or of a new figure, row by row.

    Args:
        axes: The caller's axes, an array or a list of them, or None.
        count: The number of axes that the picture needs.
        size: The size of the new figure in inches.
        columns: The number of axes in a row of the new figure; all by default.
        subplots: Options for `Figure.subplots`.

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
    """The root figure of the axes."""
    figure = ax.get_figure(root=True)
    if not isinstance(figure, Figure):  # the axes were removed from their figure
        raise InvalidInput("ax belongs to no figure: pass axes of a figure")
    return figure


def format_counts(ax: Axes) -> None:
    """Write whole numbers along x, with a comma for the thousands."""
    ax.xaxis.set_major_formatter(FuncFormatter(lambda step, _: f"{step:,.0f}"))


def hide_frame(ax: Axes) -> None:
    """Hide ticks, frame and grid: for images."""
    ax.set_xticks([])
    ax.set_yticks([])
    ax.grid(visible=False)
    ax.spines[:].set_visible(False)


def write_message(ax: Axes, sentence: str) -> None:
    """Write a sentence in the middle of empty axes."""
    ax.text(0.5, 0.5, sentence, ha="center", color=GREY, transform=ax.transAxes)


def _figure(size: tuple[float, float]) -> Figure:
    return Figure(figsize=size, layout="constrained")
