"""The command line: `secant train`, `predict`, `evaluate`, `data`.

One file a command. Each imports what it needs when it runs, so that `secant --help`
waits for neither JAX nor Matplotlib.
"""
