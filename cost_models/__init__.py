"""What does training on it cost, and is more training worth it?"""
