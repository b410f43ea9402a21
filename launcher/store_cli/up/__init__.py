"""`store up` and `store run`: the shop in one process, or one service of it alone."""
