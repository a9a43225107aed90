"""What all reading and writing rests on: files that survive, input files, import paths."""
