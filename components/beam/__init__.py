"""Beam pipelines of components: how they start, run, are interrupted, and heard of in trouble.

Only this package talks to runners and job servers. Importing it does not import Beam.
"""
