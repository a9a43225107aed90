"""What is made of a run that has ended: report, pictures, and how to come to it again."""
