"""A toy box drawn by numpy and Pillow: labelled pictures for where no data set is at hand."""
