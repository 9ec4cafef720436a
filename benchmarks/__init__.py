"""What every figure in the README and the documentation comes from; see README.md beside this."""
