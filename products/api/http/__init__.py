"""How the API reads requests and writes responses, whatever they are about."""
