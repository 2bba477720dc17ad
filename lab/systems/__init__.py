"""Systems under test: their topology, their files, and what is checked of them."""
