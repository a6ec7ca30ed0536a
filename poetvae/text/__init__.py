"""What a poem is, how poems are read, and how their characters are numbered; no torch here."""
