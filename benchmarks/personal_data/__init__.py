"""How much personal data is found: recall and precision on the labelled sentences of presidio-evaluator."""
