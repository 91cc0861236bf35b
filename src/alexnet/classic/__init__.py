"""Image classification as it was done before 2012: codes of local patches or descriptors, and a linear classifier."""
