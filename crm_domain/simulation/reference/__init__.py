"""How does a user live, on the model itself? Behaviours as generators, and a population that executes what they yield."""
