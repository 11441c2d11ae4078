"""The version, as the metadata of the distribution has it; a test compares."""

VERSION = "0.1.0"
