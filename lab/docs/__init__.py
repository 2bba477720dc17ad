"""What is generated from the code: reference pages, and JSON Schemas of the files."""
