"""`store audit`: are the books of a shop right?"""
