"""Files as people really have them: any encoding, separator and way of writing money, from a pipe or zipped."""
