"""Run the Beam pipelines of components: start, watch and interrupt them, explain their errors.

Only this package talks to runners and job servers. Importing it does not import Beam.
"""
