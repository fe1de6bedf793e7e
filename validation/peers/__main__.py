"""Other libraries' own test suites through Secant, in parts.

    python validation/peers
    python validation/peers --only derivatives --name jacobi
    python validation/peers --only torch --part 0 4

- `jax`: JAX's harnesses of its primitives, through `difference` and `check_gradient`.
- `torch`: PyTorch's database of operators, as black boxes, through `check_gradient`.
  It needs `pip install torch==2.13.0 expecttest`.
- `derivatives`: functions, points and demanded tolerances of the tests of SciPy,
  numdifftools, statsmodels and jacobi, through `derivative` and its relatives. It needs
  `pip install scipy==1.17.1`, and `statsmodels==0.14.6` for the models.
- `found`: what Secant says otherwise than a library, and the library is wrong, computed
  again. It needs all of them.

Markdown on the standard output, progress on the other. The tables are in docs/peers.md.
"""

import argparse
import warnings
from importlib.util import find_spec

import numpy as np

PARTS = ("jax", "torch", "derivatives", "found")


def main() -> None:
    """Prints the tables of some parts."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", choices=PARTS, help="one part")
    parser.add_argument("--name", default="", help="what the names of cases contain")
    parser.add_argument("--each", type=int, default=3, help="harnesses a primitive")
    parser.add_argument(
        "--part",
        nargs=2,
        type=int,
        default=(0, 1),
        metavar=("I", "N"),
        help="of PyTorch's operators every N-th from the I-th on",
    )
    asked = parser.parse_args()
    warnings.simplefilter("ignore")
    np.seterr(all="ignore")
    for part in PARTS if asked.only is None else (asked.only,):
        if part == "torch" and not find_spec("torch"):
            print("PyTorch is not installed.\n")
        elif part == "jax":
            import jax_primitives

            jax_primitives.main(asked.name, asked.each)
        elif part == "torch":
            import torch_operators

            torch_operators.main(asked.name, tuple(asked.part))
        elif part == "derivatives":
            import derivative_suites

            derivative_suites.main(asked.name)
        else:
            import found

            found.main()


if __name__ == "__main__":
    main()
