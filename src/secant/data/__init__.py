"""Training data: MNIST and similar sets, your own files, your own digits.

No file is trusted: a file that is damaged, too large or of another kind raises a
`secant.DataError` that names the file and the position in it. Only
`secant.data.fetch.fetch` downloads anything.
"""
