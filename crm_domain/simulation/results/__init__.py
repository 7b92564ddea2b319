"""What did a run count, and what does that say? Parts that add up, key figures, intervals, and tables to read."""
