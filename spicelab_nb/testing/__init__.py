"""Conformance suites, fakes and tiny circuits for authors of plug-ins."""
