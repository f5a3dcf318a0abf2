"""The scaling decision simulated, against fixed fleets and a threshold rule."""
