"""How far an image lies from the photographs that the neural codec knows: embedding, density, conformal calibration.

Import from the modules: `router.detector.detector` (Detector, default_detector), `router.detector.report` (OodReport).
"""
