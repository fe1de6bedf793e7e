"""Networks: activations, losses, targets, what a network computes, its gradients.

The public names are in `__init__.pyi`. Each is loaded when it is first used, so that
`secant.nn.gradients`, whose table the command line's help lists, does not load NumPy.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
