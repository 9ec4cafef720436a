"""Who computes one sample: a circuit with its measures, or any Python function."""
