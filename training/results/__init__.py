"""Tables of the documentation, written from the files that measurements leave: prose never holds a figure of its own."""
