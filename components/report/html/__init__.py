"""A run's report: one HTML file that holds all it shows, by Jinja2.

facts            what a report is made of
page             facts → HTML; `templates/` has what it is drawn with
number_formats   numbers as they are printed
comparison       classes and slices beside the baseline's; intervals on a common axis
confusion        heat maps of labels against predictions, and the largest confusions
charts           learning curves and the reliability curve, as coordinates for inline SVG
mistakes         images that were answered wrongly, with their probabilities
"""
