"""The analysts: people who look at held payments, a few at a time, from a queue that holds so many."""
