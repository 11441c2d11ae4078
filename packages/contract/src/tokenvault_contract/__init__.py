"""The Token Vault API as data, read by the server, the client and the tests alike."""
