"""Push, list, roll back and delete the versions of a model in the serving directory."""
