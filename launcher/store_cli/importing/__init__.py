"""`store import`: a catalogue from a file into a shop."""
