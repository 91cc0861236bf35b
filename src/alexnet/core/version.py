"""The version of the package, for what it writes."""

VERSION = "0.1.0"
