"""Making a detector: photographs and foreign images in, an artefact out. Needs scikit-learn, scipy, joblib (`[fit]`)."""
