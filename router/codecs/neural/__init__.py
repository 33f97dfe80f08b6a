"""The neural codec: network, entropy path, model folders and the `.ncr` codec built from them."""
