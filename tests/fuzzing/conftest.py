"""Parts of the fuzzer hold no tests: `fuzz.py` and `test_fuzzing.py` import them."""

collect_ignore = [
    "forgeries.py",
    "fuzz.py",
    "mutations.py",
    "readers.py",
    "trials.py",
]
