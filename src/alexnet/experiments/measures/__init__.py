"""What is measured of a trained network: each measure is a file, its name a key of `MEASURES`."""
