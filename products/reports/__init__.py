"""Reports: what the shop has sold, holds and has taken back, and files of it. Defined in docs/backoffice.md."""
