"""Does someone's backend keep the laws? Searches, and what they report."""
