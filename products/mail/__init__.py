"""Mail to customers, from the feed of events: which event brings which notice, what it says, and sending it."""
