"""What tests share: clocks, servers that speak raw bytes, hosts made of functions, and values."""
