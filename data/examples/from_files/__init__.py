"""Make Examples from the files of a source: portions, their outcomes, bad files."""
