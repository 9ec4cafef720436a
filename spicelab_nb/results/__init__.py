"""What came out: plan, chunk store, dataset conventions, statistics."""
