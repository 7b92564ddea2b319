"""Which scenario would have given these data? Maximum likelihood, over whole histories, counters or payments alone."""
