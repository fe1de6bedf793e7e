"""How far gradient methods are from the definition at the same step size.

    python validation/step_sizes.py
    python validation/step_sizes.py --picture docs/images/step-sizes.png

The definition is (L(w + h) - L(w - h)) / 2h of each weight, in float64. It is no slope:
the larger h, the further it is from the tangent, by about h² / 6 times the third
derivative. `weight` computes the definition in float32 and should be there at every h.
`node` nudges neurons, and agrees only while the loss hardly bends. The networks have
been trained a little on MNIST's sample. Markdown: ‖g - definition‖ / ‖definition‖ over
all weights.
"""

import argparse
from pathlib import Path

import jax
import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

import secant
from secant.nn.gradients import METHODS, find_method
from secant.plots import COLORS, STYLE

STEP_SIZES = (1e-4, 1e-3, 1e-2, 0.03, 0.1, 0.3, 1.0)

LABELS = {"backprop": "tangent (backprop)", "node": "node", "weight": "weight"}

NETWORKS = {
    "784-10-10, sigmoid": ((784, 10, 10), "sigmoid"),
    "784-10-10-10, relu": ((784, 10, 10, 10), "relu"),
}


def errors(sizes: tuple[int, ...], activation: str) -> dict[str, list[float]]:
    """The distance of each method from the definition, for each step size."""
    train, test = secant.load_mnist_sample()
    init = "he" if activation == "relu" else "normal"
    net = secant.MLP(sizes, activation, init=init)
    run = secant.fit(net, (train, test), "backprop", iterations=200)
    params = jax.tree.map(
        lambda a: np.float32(a).astype(np.float64), dict(run.net.params)
    )
    images, labels = train
    x, t = net.architecture.as_batch(images[:50].astype(np.float64), labels[:50])
    in_float32 = jax.tree.map(np.float32, (params, x, t))
    found: dict[str, list[float]] = {name: [] for name in LABELS}
    for h in STEP_SIZES:
        definition = find_method("definition", h=h)(net.architecture, params, x, t)[1]
        length = norm(definition)
        for name in LABELS:
            options = {"h": h} if "h" in METHODS[name].option_values else {}
            method = jax.jit(find_method(name, **options), static_argnums=0)
            gradient = method(net.architecture, *in_float32)[1]
            off = {
                n: np.asarray(gradient[n], np.float64) - definition[n] for n in params
            }
            found[name].append(norm(off) / length)
    return found


def norm(arrays: dict[str, np.ndarray]) -> float:
    return float(np.sqrt(sum(np.sum(a**2) for a in arrays.values())))


def draw(found: dict[str, dict[str, list[float]]]) -> Figure:
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(9.6, 3.8), layout="constrained")
        axes = figure.subplots(1, len(found), sharey=True)
        for ax, (network, methods) in zip(axes, found.items(), strict=True):
            for (name, values), color in zip(methods.items(), COLORS, strict=False):
                width, style = (4.0, "-") if name == "backprop" else (1.8, "o-")
                ax.plot(
                    STEP_SIZES, values, style, color=color, linewidth=width,
                    markersize=4, label=LABELS[name],
                )  # fmt: skip
            ax.set(xscale="log", yscale="log", title=network, xlabel="step size h")
            ax.set_ylim(1e-8, 10)
            ax.legend()
        axes[0].set_ylabel("distance from the definition at h")
    return figure


def main() -> None:
    """Print the table, or draw it."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--picture", type=Path)
    options = parser.parse_args()
    found = {name: errors(*network) for name, network in NETWORKS.items()}
    print("| network | method |", *(f"h = {h:g} |" for h in STEP_SIZES))
    print("|---|---|", *("--:|" for _ in STEP_SIZES), sep="")
    for network, methods in found.items():
        for name, values in methods.items():
            cells = (f"{value:.1e} |" for value in values)
            print(f"| {network} | {LABELS[name]} |", *cells)
    if options.picture:
        draw(found).savefig(options.picture)


if __name__ == "__main__":
    main()
