"""Secant: neural-network learning by numerical differentiation.

Every public name is listed once, in `__init__.pyi`; each is loaded when it is
first used, so that `import secant` is quick and needs neither JAX nor Matplotlib.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
