"""The command line: `secant train`, `predict`, `evaluate`, `data`.

Each command has one file and imports what it needs when it runs, so `secant --help`
waits for neither JAX nor Matplotlib.
"""
