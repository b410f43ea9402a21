"""What databases of both kinds share: which one is set, numbered schema files, whose database it is."""
