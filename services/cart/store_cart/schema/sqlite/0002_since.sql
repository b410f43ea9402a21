-- The cart's version at which a line was put there, or its quantity was set: tells the line that was ordered from one
-- that took its place.
ALTER TABLE lines ADD COLUMN since INTEGER NOT NULL DEFAULT 0;
