"""Where the project runs beyond one machine: files for containers, clusters and what watches them."""
