"""How fast the shop is, measured: benches of one machine, and shoppers as a load."""
