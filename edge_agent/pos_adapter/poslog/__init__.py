"""POSLog XML of ARTS: stream (bytes -> transactions) -> tree (elements) -> transactions (receipts)."""
