-- What the buyer agreed to, as JSON: the cart's version, the total, whether no other total will do. NULL in orders from
-- before it was asked for.
ALTER TABLE orders ADD COLUMN agreement TEXT;
