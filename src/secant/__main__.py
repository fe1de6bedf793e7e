"""`python -m secant`: the command line."""

from secant.cli.main import main

main()
