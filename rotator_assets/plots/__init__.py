"""Style and saving of figures, and what several of them share."""
