"""The version of the package. A test compares it with the metadata of the distribution."""

VERSION = "0.1.0"
