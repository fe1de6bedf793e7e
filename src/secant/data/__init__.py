"""Training data: MNIST and similar sets, your own files, your own digits.

No file is trusted: a file that is damaged, too large or of another kind raises a
`secant.DataError` that names the file and the position in it. Only
`secant.data.fetch.fetch` downloads anything.

The public names are in `__init__.pyi`. Each is loaded when it is first used, so that
a help text that lists the data sets does not load NumPy.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
