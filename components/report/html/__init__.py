"""Make the report of a run: one self-contained HTML file, by Jinja2.

facts            the facts that a report is made from
page             render the facts as HTML with `templates/`
number_formats   format numbers
comparison       compare classes and slices with the baseline's
confusion        make heat maps of labels and predictions, list the largest confusions
charts           compute coordinates of learning curves and the reliability curve, for SVG
missing_files    list the files of a source that are not among the examples
mistakes         show wrongly predicted images with their probabilities
"""
