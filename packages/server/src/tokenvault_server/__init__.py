"""The vault: an API for merchants, a store that keeps sealed records, and an emulator of the whole."""
