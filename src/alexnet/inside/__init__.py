"""What a trained network does with pictures, made visible."""
