"""Plain scripts that do the same work without this project, as a good user of the libraries would write them."""
