"""The outside world on loopback: shops, warehouses and a carrier network that behave as documented."""
