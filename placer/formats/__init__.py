"""Readers and writers of the formats that the field exchanges."""
