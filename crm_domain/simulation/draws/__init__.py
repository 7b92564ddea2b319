"""Which random number does a user get, and when? Keyed by seed, user, purpose and number, the same on every engine."""
