"""Descents side by side: one converges, one crawls, one flies away."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from mpl_toolkits.mplot3d import Axes3D

from secant.derivatives.validation import Function, as_function
from secant.descent import Descent, DescentStatus
from secant.errors import InvalidInput
from secant.plots.grids import Bounds, Grid, checked, draw_heights, evaluate
from secant.plots.style import HEIGHTS, ORANGE, figure_of, several
from secant.plots.translations import speaker

# How far from the picture's middle, in widths of it, a path is followed: Matplotlib
# cannot work with coordinates of 1e300, and what flies off is not seen to come back.
_FAR, _FAR_DIVERGED = 20.0, 1.0

_WORDS = {
    DescentStatus.CONVERGED: "converged",
    DescentStatus.STILL_FALLING: "still falling",
    DescentStatus.BOUNCES: "bounces to and fro",
    DescentStatus.DIVERGED: "diverged",
    DescentStatus.HARDLY_MOVED: "hardly moved",
    DescentStatus.STARTED_FLAT: "started flat",
}


def descent_paths(
    f: Function,
    descents: Mapping[str, Descent] | Iterable[Descent] | Descent,
    bounds: Bounds | None = None,
    *,
    axes: Any = None,
    language: str = "en",
) -> Figure:
    """Where descents went, on the contours of the function: a picture for each.

    Args:
        f: The function of an array of two numbers that was descended.
        descents: Results of `secant.descend`; a dict names them, for example by
            their learning rates.
        bounds: What is seen, ((lowest, highest) of x₀, (lowest, highest) of x₁); by
            default all paths that stayed near. One that diverged leaves the picture.
        axes: Where to draw, as many as there are descents; a new figure if not given.
        language: `en` or `ko`.

    Returns:
        The figure. Under each picture stands what became of the descent.

    Raises:
        InvalidInput: No descent came, or one that is not of two variables; or `axes`
            are too few or too many.

    Example:
        >>> from secant import descend
        >>> def bowl(x):
        ...     return x[0] ** 2 + x[1] ** 2
        >>> rates = {f"rate {r}": descend(bowl, [-3.0, 4.0], r, 20) for r in (0.1, 1.1)}
        >>> [ax.get_title("left") for ax in descent_paths(bowl, rates).axes]
        ['rate 0.1', 'rate 1.1']
    """
    say, f, named = speaker(language), as_function(f), _named(descents)
    bounds = checked(bounds) if bounds else _around(named.values())
    grid = evaluate(f, bounds, 81)
    columns = min(len(named), 4)
    rows = -(-len(named) // columns)
    size = (0.4 + 3.3 * columns, 4.3 * rows)
    with several(axes, len(named), size, columns) as all_axes:
        for ax, (name, descent) in zip(all_axes, named.items(), strict=True):
            draw_heights(ax, grid)
            path = _within_reach(descent, bounds)
            few = len(path) <= 60
            ax.plot(
                *path.T,
                color=ORANGE,
                linewidth=1.4,
                marker="o",
                markersize=3.5 if few else 2,
                label="path",
            )
            ax.plot(*path[0], "o", color="white", markeredgecolor=ORANGE, markersize=8)
            ax.set_title(name)
            ax.set_xlabel(f"x₀\n{_verdict(say, descent, bounds)}")
            ax.set_ylabel("x₁")
        return figure_of(all_axes[0])


def descent_surfaces(
    f: Function,
    descents: Mapping[str, Descent] | Iterable[Descent] | Descent,
    bounds: Bounds | None = None,
    *,
    axes: Any = None,
    language: str = "en",
) -> Figure:
    """The same on the function's surface, with its value as height.

    Args:
        f: The function of an array of two numbers that was descended.
        descents: As for `descent_paths`.
        bounds: As for `descent_paths`.
        axes: Where to draw: three-dimensional ones, `projection="3d"`.
        language: `en` or `ko`.

    Returns:
        The figure. A path ends where it leaves the picture.

    Raises:
        InvalidInput: As `descent_paths`; or the axes are not three-dimensional.

    Example:
        >>> from secant import descend
        >>> def bowl(x):
        ...     return x[0] ** 2 + x[1] ** 2
        >>> figure = descent_surfaces(bowl, descend(bowl, [-3.0, 4.0], 0.1))
        >>> figure.axes[0].get_zlabel()
        'f'
    """
    say, f, named = speaker(language), as_function(f), _named(descents)
    bounds = checked(bounds) if bounds else _around(named.values())
    grid = evaluate(f, bounds, 61)
    columns = min(len(named), 3)
    rows = -(-len(named) // columns)
    with several(
        axes,
        len(named),
        (0.4 + 3.9 * columns, 4.2 * rows),
        columns,
        subplot_kw={"projection": "3d", "computed_zorder": False},
    ) as all_axes:
        for ax, (name, descent) in zip(all_axes, named.items(), strict=True):
            if not isinstance(ax, Axes3D):
                raise InvalidInput(
                    'axes are flat: pass ones made with projection="3d", or leave '
                    "them out"
                )
            _draw_surface(ax, grid, _inside(descent, bounds))
            ax.set_title(name)
            ax.text2D(
                *(0.5, -0.08, _verdict(say, descent, bounds)),
                transform=ax.transAxes,
                ha="center",
                va="top",
            )
        return figure_of(all_axes[0])


def _draw_surface(ax: Axes3D, grid: Grid, path: np.ndarray) -> None:
    heights = np.ma.masked_invalid(grid.z)
    ax.plot_surface(
        *np.meshgrid(grid.x, grid.y),
        heights,
        cmap=HEIGHTS,
        edgecolor="#6f8fa3",
        linewidth=0.15,
        rcount=30,
        ccount=30,
        zorder=1,
    )
    # The path is drawn over the surface, also where the surface would hide it.
    ax.plot(*path.T, color=ORANGE, linewidth=1.6, marker="o", markersize=3, zorder=2)
    ax.plot(
        *path[:1].T, "o", color="white", markeredgecolor=ORANGE, markersize=8, zorder=3
    )
    ax.view_init(elev=42, azim=-60)
    ax.set_xlabel("x₀", labelpad=-6)
    ax.set_ylabel("x₁", labelpad=-6)
    ax.set_zlabel("f", labelpad=-6)
    ax.tick_params(labelsize=8, pad=-2)


def _verdict(say: Any, descent: Descent, bounds: Bounds) -> str:
    word = say(_WORDS[descent.status])
    outside = ~_is_inside(descent.path, bounds)
    if descent.status is DescentStatus.DIVERGED and outside.any():
        return say("{}: leaves the\npicture at step {:,}", word, int(outside.argmax()))
    return say(
        "{}, {:,} steps\nlast value {:.3g}", word, len(descent.path) - 1, descent.value
    )


def _named(descents: Any) -> dict[str, Descent]:
    if isinstance(descents, Descent):
        named = {"": descents}
    elif isinstance(descents, Mapping):
        named = {str(name): descent for name, descent in descents.items()}
    else:
        named = {str(number): each for number, each in enumerate(descents, start=1)}
    if not named:
        raise InvalidInput("descents is empty: pass what secant.descend returned")
    for name, descent in named.items():
        if not isinstance(descent, Descent):
            raise InvalidInput(
                f"descents[{name!r}] is {type(descent).__name__}: pass what "
                "secant.descend returned"
            )
        if descent.path.shape[1:] != (2,):
            raise InvalidInput(
                f"descents[{name!r}] went over points of shape "
                f"{descent.path.shape[1:]}, and contours need two variables: descend "
                "from a start such as [-3.0, 4.0]"
            )
    return named


def _around(descents: Iterable[Descent]) -> Bounds:
    """All that stayed near where it started, and some room around it."""
    descents = list(descents)
    stayed = [d.path for d in descents if d.status is not DescentStatus.DIVERGED]
    points = np.concatenate([*stayed, np.array([d.path[0] for d in descents])])
    low, high = points.min(axis=0), points.max(axis=0)
    # As far to all sides: a ravine's two walls are seen. Where all flew away, as far
    # as the start is from 0.
    spread = float((high - low).max()) if stayed else 0.0
    side = spread or 2 * float(np.abs(points).max()) or 2.0
    middle, half = (low + high) / 2, 0.65 * side
    (left, bottom), (right, top) = middle - half, middle + half
    return (float(left), float(right)), (float(bottom), float(top))


def _is_inside(path: np.ndarray, bounds: Bounds) -> np.ndarray:
    low, high = np.array(bounds).T
    return ((path >= low) & (path <= high)).all(axis=1)


def _within_reach(descent: Descent, bounds: Bounds) -> np.ndarray:
    """The path up to where it is far outside; its last part shortened, not bent."""
    reach = _FAR_DIVERGED if descent.status is DescentStatus.DIVERGED else _FAR
    path, (low, high) = descent.path, np.array(bounds).T
    middle, widths = (low + high) / 2, high - low
    far = (np.abs(path - middle) > reach * widths).any(axis=1)
    if not far.any():
        return path
    first = int(far.argmax())
    if first == 0:
        return path[:1]
    last, way = path[first - 1], path[first] - path[first - 1]
    share = float((2 * reach * widths / np.maximum(np.abs(way), 1e-300)).min())
    return np.vstack([path[:first], last + min(share, 1.0) * way])


def _inside(descent: Descent, bounds: Bounds) -> np.ndarray:
    """Points and values of the part of the path before it leaves the picture."""
    outside = ~_is_inside(descent.path, bounds)
    end = int(outside.argmax()) if outside.any() else len(outside)
    end = max(end, 1)
    return np.c_[descent.path[:end], descent.values[:end]]
