"""Labels for the words of a text, and the entities that they form."""
