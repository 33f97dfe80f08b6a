"""Files by name: paths of this machine and addresses of stores; read within limits, written whole, nothing left over."""
