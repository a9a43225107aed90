"""Can a run work here? This machine, a runner, shadowed packages; and a new project."""
