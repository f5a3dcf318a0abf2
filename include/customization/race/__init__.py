"""What the race of techniques is made of: its costs, its statistics, its checks and its pages."""
