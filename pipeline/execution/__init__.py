"""Run the steps of a plan, here or on Beam, and record what happens."""
