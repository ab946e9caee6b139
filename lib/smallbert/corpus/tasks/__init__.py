"""Labelled examples for fine-tuning: one module a file format, and the same tasks made from the generated world.

Every reader takes a path and a :class:`smallbert.corpus.tally.Tally`, and yields examples of
:mod:`smallbert.corpus.tasks.examples`. What is wrong with a whole file is a ``DataError`` at the call; what is
wrong with one row is counted and skipped up to the tally's limit.
"""
