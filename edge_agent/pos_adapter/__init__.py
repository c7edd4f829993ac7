"""What tills say, one file a source, all in terms of `receipt.Receipt`."""
