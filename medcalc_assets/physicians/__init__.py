"""All that a physician touches: packets out, answers back, their consensus, and the answers that the authors published."""
