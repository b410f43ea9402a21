"""`store migrate`: the schema of every service in the cluster."""
