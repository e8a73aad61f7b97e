"""Mail to customers, driven by the feed: which event causes which notice, its text, and how it is sent."""
