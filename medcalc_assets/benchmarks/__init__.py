"""What is stewarded: MedCalc-Bench as its authors published it, its reader, and an invented one for the demo."""
