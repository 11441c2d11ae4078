"""The format of a backup: an age file with a tar archive of a manifest and one file for each store (docs/adr/0034)."""
