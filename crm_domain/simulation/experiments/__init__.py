"""What differs between scenarios, and how sure is that? Designs, the chunks that they are cut into, and who computes those."""
