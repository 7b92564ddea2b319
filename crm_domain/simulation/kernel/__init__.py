"""How does a user live, in numbers alone? One loop that runs as it stands or compiled, and the memory that it works in."""
