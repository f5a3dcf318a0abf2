"""Two hosts that train together over SSH, as network namespaces of this machine."""
