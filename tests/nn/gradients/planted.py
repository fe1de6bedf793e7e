"""Gradient methods that are planted in the table; run as a program, `secant` with them.

python tests/nn/gradients/planted.py "train --gradient planted --times 2" "rerun run"
"""

import sys
from dataclasses import replace

from secant.nn.gradients import METHODS, GradientMethod, MethodOption


def scaled(architecture, params, x, t, key=None, /, *, times):
    """The chain rule's gradient, multiplied."""
    loss, gradients = METHODS["backprop"](architecture, params, x, t)
    return loss, {name: times * g for name, g in gradients.items()}


def scaled_of_loss(loss, params, key, *, times):
    import jax

    value, gradient = jax.value_and_grad(loss)(params)
    return value, jax.tree.map(lambda g: times * g, gradient)


PLANTED = GradientMethod(
    name="planted",
    function=scaled,
    description="the chain rule, multiplied",
    options=(
        MethodOption(
            name="times",
            default=1.0,
            help="Multiplies the gradient.",
            compared=(1.0, 3.0),
        ),
    ),
    of_loss=scaled_of_loss,
)

IN_NUMPY = replace(PLANTED, name="planted_in_numpy", traceable=False)

if __name__ == "__main__":
    for method in (PLANTED, IN_NUMPY):
        METHODS[method.name] = method

    from secant.cli.main import main

    for words in sys.argv[1:]:
        sys.argv[1:] = words.split()
        try:
            main()
        except SystemExit as ended:
            sys.stdout.write(f"{words}: ended with {ended.code or 0}\n")
