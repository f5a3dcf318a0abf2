"""Whether a text shows what models are judged by: questions and answers that are held out, and evaluation sets."""
