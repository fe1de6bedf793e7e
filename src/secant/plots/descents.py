"""Paths of gradient descents, on contours and on the surface of the function."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from mpl_toolkits.mplot3d import Axes3D

from secant.derivatives.validation import Function, as_function
from secant.descent import Descent, DescentStatus
from secant.errors import InvalidInput
from secant.plots.grids import Bounds, Grid, as_bounds, draw_contours, evaluate_on_grid
from secant.plots.style import CONTOUR_COLORS, ORANGE, figure_of, multiple_axes
from secant.plots.translations import translator

# The largest distance from the centre at which a path is drawn, in widths of the
# picture. Matplotlib fails at coordinates such as 1e300, and a path that diverged
# shows no return.
_MAX_DISTANCE, _MAX_DISTANCE_DIVERGED = 20.0, 1.0

STATUS_TEXTS = {
    DescentStatus.CONVERGED: "converged",
    DescentStatus.STILL_FALLING: "still falling",
    DescentStatus.OSCILLATES: "oscillates",
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
    """The paths of descents on the contours of the function, one picture for each.

    Args:
        f: The function of the descents, of an array of two numbers.
        descents: Results of `secant.descend`; a dict names them, for example by
            their learning rates.
        bounds: The visible part, ((lowest, highest) of x₀, (lowest, highest) of x₁);
            by default all paths that did not diverge. Other paths leave the picture.
        axes: The axes to draw into, one for each descent; a new figure by default.
        language: `en` or `ko`.

    Returns:
        The figure. The status of each descent stands under its picture.

    Raises:
        InvalidInput: There is no descent, or one not of two variables; or `axes` are
            too few or too many.

    Example:
        >>> from secant import descend
        >>> def bowl(x):
        ...     return x[0] ** 2 + x[1] ** 2
        >>> rates = {f"rate {r}": descend(bowl, [-3.0, 4.0], r, 20) for r in (0.1, 1.1)}
        >>> [ax.get_title("left") for ax in descent_paths(bowl, rates).axes]
        ['rate 0.1', 'rate 1.1']
    """
    tr, f, by_name = translator(language), as_function(f), _by_name(descents)
    bounds = as_bounds(bounds) if bounds else _default_bounds(by_name.values())
    grid = evaluate_on_grid(f, bounds, 81)
    columns = min(len(by_name), 4)
    rows = -(-len(by_name) // columns)
    size = (0.4 + 3.3 * columns, 4.3 * rows)
    with multiple_axes(axes, len(by_name), size, columns) as all_axes:
        for ax, (name, descent) in zip(all_axes, by_name.items(), strict=True):
            draw_contours(ax, grid)
            path = _clipped_path(descent, bounds)
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
            ax.set_xlabel(f"x₀\n{_verdict(tr, descent, bounds)}")
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
    """The paths of descents on the function's surface, with its value as height.

    Args:
        f: As for `descent_paths`.
        descents: As for `descent_paths`.
        bounds: As for `descent_paths`.
        axes: Three-dimensional axes to draw into, `projection="3d"`, one for each
            descent; a new figure by default.
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
    tr, f, by_name = translator(language), as_function(f), _by_name(descents)
    bounds = as_bounds(bounds) if bounds else _default_bounds(by_name.values())
    grid = evaluate_on_grid(f, bounds, 61)
    columns = min(len(by_name), 3)
    rows = -(-len(by_name) // columns)
    with multiple_axes(
        axes,
        len(by_name),
        (0.4 + 3.9 * columns, 4.2 * rows),
        columns,
        subplot_kw={"projection": "3d", "computed_zorder": False},
    ) as all_axes:
        for ax, (name, descent) in zip(all_axes, by_name.items(), strict=True):
            if not isinstance(ax, Axes3D):
                raise InvalidInput(
                    'axes are flat: pass axes made with projection="3d", or none'
                )
            _draw_surface(ax, grid, _visible_part(descent, bounds))
            ax.set_title(name)
            ax.text2D(
                *(0.5, -0.08, _verdict(tr, descent, bounds)),
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
        cmap=CONTOUR_COLORS,
        edgecolor="#6f8fa3",
        linewidth=0.15,
        rcount=30,
        ccount=30,
        zorder=1,
    )
    # The path is drawn over the surface, even where the surface would hide it.
    ax.plot(*path.T, color=ORANGE, linewidth=1.6, marker="o", markersize=3, zorder=2)
    ax.plot(
        *path[:1].T, "o", color="white", markeredgecolor=ORANGE, markersize=8, zorder=3
    )
    ax.view_init(elev=42, azim=-60)
    ax.set_xlabel("x₀", labelpad=-6)
    ax.set_ylabel("x₁", labelpad=-6)
    ax.set_zlabel("f", labelpad=-6)
    ax.tick_params(labelsize=8, pad=-2)


def _verdict(tr: Any, descent: Descent, bounds: Bounds) -> str:
    word = tr(STATUS_TEXTS[descent.status])
    outside = ~_is_inside(descent.path, bounds)
    if descent.status is DescentStatus.DIVERGED and outside.any():
        return tr("{}: leaves the\npicture at step {:,}", word, int(outside.argmax()))
    return tr(
        "{}, {:,} steps\nlast value {:.3g}", word, len(descent.path) - 1, descent.value
    )


def _by_name(descents: Any) -> dict[str, Descent]:
    if isinstance(descents, Descent):
        by_name = {"": descents}
    elif isinstance(descents, Mapping):
        by_name = {str(name): descent for name, descent in descents.items()}
    else:
        by_name = {str(number): each for number, each in enumerate(descents, start=1)}
    if not by_name:
        raise InvalidInput("descents is empty: pass what secant.descend returned")
    for name, descent in by_name.items():
        if not isinstance(descent, Descent):
            raise InvalidInput(
                f"descents[{name!r}] is {type(descent).__name__}: pass what "
                "secant.descend returned"
            )
        if descent.path.shape[1:] != (2,):
            raise InvalidInput(
                f"descents[{name!r}] has points of shape {descent.path.shape[1:]}, and "
                "contours need two variables: descend from a start such as "
                "[-3.0, 4.0]"
            )
    return by_name


def _default_bounds(descents: Iterable[Descent]) -> Bounds:
    """The bounds of all starts and of the paths that did not diverge, with a margin."""
    descents = list(descents)
    bounded = [d.path for d in descents if d.status is not DescentStatus.DIVERGED]
    points = np.concatenate([*bounded, np.array([d.path[0] for d in descents])])
    low, high = points.min(axis=0), points.max(axis=0)
    # A square shows both walls of a ravine. If every descent diverged, its size is
    # the distance of the start from 0.
    spread = float((high - low).max()) if bounded else 0.0
    side = spread or 2 * float(np.abs(points).max()) or 2.0
    middle, half = (low + high) / 2, 0.65 * side
    (left, bottom), (right, top) = middle - half, middle + half
    return (float(left), float(right)), (float(bottom), float(top))


def _is_inside(path: np.ndarray, bounds: Bounds) -> np.ndarray:
    low, high = np.array(bounds).T
    return ((path >= low) & (path <= high)).all(axis=1)


def _clipped_path(descent: Descent, bounds: Bounds) -> np.ndarray:
    """The path up to its first distant point; the last segment is shortened to it."""
    diverged = descent.status is DescentStatus.DIVERGED
    max_distance = _MAX_DISTANCE_DIVERGED if diverged else _MAX_DISTANCE
    path, (low, high) = descent.path, np.array(bounds).T
    middle, widths = (low + high) / 2, high - low
    far = (np.abs(path - middle) > max_distance * widths).any(axis=1)
    if not far.any():
        return path
    first = int(far.argmax())
    if first == 0:
        return path[:1]
    last, segment = path[first - 1], path[first] - path[first - 1]
    longest = 2 * max_distance * widths
    share = float((longest / np.maximum(np.abs(segment), 1e-300)).min())
    return np.vstack([path[:first], last + min(share, 1.0) * segment])


def _visible_part(descent: Descent, bounds: Bounds) -> np.ndarray:
    """The points and values of the path before it leaves the picture."""
    outside = ~_is_inside(descent.path, bounds)
    end = int(outside.argmax()) if outside.any() else len(outside)
    end = max(end, 1)
    return np.c_[descent.path[:end], descent.values[:end]]
