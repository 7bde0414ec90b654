"""The transcripts in the README are run and compared, so that it shows what the product does."""
