-- The token service's database, beside the vault's, which the image of PostgreSQL creates.
CREATE DATABASE tokenvault_tsp OWNER tokenvault;
