"""Style and saving of figures, and elements that several figures share."""
