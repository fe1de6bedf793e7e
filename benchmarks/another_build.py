"""Another build of Secant beside the imported one, to compare both in one run."""

import sys
from types import ModuleType


def another_build(folder: str) -> ModuleType:
    """Secant as it stands in a folder, the `src` of another checkout.

    Its derivatives are loaded by a first call. What it imports later than that comes
    from the build that is imported here.
    """

    def forget() -> dict[str, ModuleType]:
        names = [n for n in sys.modules if n == "secant" or n.startswith("secant.")]
        return {name: sys.modules.pop(name) for name in names}

    here = forget()
    sys.path.insert(0, folder)
    import secant as other

    assert str(other.__file__).startswith(folder), other.__file__
    other.gradient(lambda x: x[0] * x[1], [1.0, 2.0])
    other.derivative(float, 1.0)
    sys.path.remove(folder)
    forget()
    sys.modules.update(here)
    return other
