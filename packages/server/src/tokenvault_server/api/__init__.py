"""What merchants call: bytes become a `Call`, a `Call` walks the pipeline, a `Reply` becomes bytes."""
