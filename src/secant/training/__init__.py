"""Training: the loop, its steps, its data, and the folder of a run.

`fit` trains a network. `Trainer` is the same as pure functions, for programs that
train step by step: it advances a `RunState`, evaluates it and makes a `Run` of it.

Each name is listed once, in `__init__.pyi`, and loaded when it is first used, so that
a run is read without JAX.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
