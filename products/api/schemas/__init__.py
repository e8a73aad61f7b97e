"""What requests and responses contain, by noun: serializers that validate requests, and serializers that describe
responses, each beside the function that makes them."""
