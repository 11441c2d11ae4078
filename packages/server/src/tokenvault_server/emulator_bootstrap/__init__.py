"""Build an emulator around a vault. `serve` cannot import this package, nor what it imports of `emulator`."""
