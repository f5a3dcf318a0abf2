"""What all techniques train by: TRL's and Hugging Face's trainers, launched by DeepSpeed, resumed exactly."""
