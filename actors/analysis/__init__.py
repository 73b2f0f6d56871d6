"""What the vitals amount to: which pattern fits them, and where they are going. Pure: times and measurements are arguments."""
