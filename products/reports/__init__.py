"""Reports about sales, stock and returns, and their export as files. docs/backoffice.md defines the terms."""
