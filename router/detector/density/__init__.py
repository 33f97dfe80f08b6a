"""How far features lie from those of photographs: estimators fitted with scikit-learn, kept and evaluated as plain arrays."""
