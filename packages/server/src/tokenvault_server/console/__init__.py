"""What operators and machines see on the admin listener: health, metrics and a status page. Never card data."""
