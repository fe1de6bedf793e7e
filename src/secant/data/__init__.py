"""Data to learn from: MNIST and its kin, one's own files, one's own digits.

What is read is taken on trust in nothing: a file that is damaged, huge or of
another kind gets a `secant.DataError` that names the file and the place.
Nothing is downloaded unless `secant.data.fetch.fetch` is called.
"""
