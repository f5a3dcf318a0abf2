"""What a finished dataset has to fulfil and what is told of it."""
