"""`store replay`: a real shop's invoices become orders."""
