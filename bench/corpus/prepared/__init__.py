"""A folder of real films and the corpus that is made of it."""
