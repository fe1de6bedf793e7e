"""Without anywidget there are no widgets to be tested."""

import pytest

pytest.importorskip("anywidget", reason='no anywidget: pip install "secant[jupyter]"')
