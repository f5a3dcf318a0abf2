"""What people are shown of use cases, read from the store: it changes nothing there and decides nothing."""
