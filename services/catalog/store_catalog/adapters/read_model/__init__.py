"""The read model of this process: lists, search and facets, in a SQLite file that can be built again."""
