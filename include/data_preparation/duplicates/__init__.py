"""How equal and similar texts are told, found and chosen among."""
