"""The HTTP API. Views translate between HTTP and the models, which hold the rules."""
