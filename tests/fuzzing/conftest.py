"""Parts of the fuzzer hold no tests: the commands and `test_fuzzing.py` import them."""

collect_ignore = [
    "forgeries.py",
    "fuzz.py",
    "http_cases.py",
    "mutations.py",
    "readers.py",
    "requests_fuzz.py",
    "trials.py",
]
