"""The admin listener: health, metrics and a status page, without card data."""
