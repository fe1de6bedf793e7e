"""Networks: activations, losses, targets, what a network computes, its gradients.

The public names are in `__init__.pyi`. Each is loaded when it is first used, so that
the command line's help, which lists the table in `secant.nn.gradients`, is quick.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
